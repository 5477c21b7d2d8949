const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exactly = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const dayOnly = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** 3 minutes ago */
export function ago(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000;
  for (const [unit, size] of UNITS)
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  return seconds <= 0 ? "just now" : "in a moment";
}

/** 24 Nov 2026, 12:04:31 */
export function exact(time: string): string {
  return exactly.format(new Date(time));
}

/** 24 Nov 2026 */
export function day(time: string): string {
  return dayOnly.format(new Date(time));
}

const utcDayOnly = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

/** 24 Nov 2026: of what begins and ends by UTC, as billing periods do. */
export function utcDay(time: string): string {
  return utcDayOnly.format(new Date(time));
}

/** 12:04:31.220 */
export function clockTime(time: string): string {
  const at = new Date(time);
  return `${clock.format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** Days of figures are UTC's, whatever the clock on the wall says. */
const utcBucket = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const localDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const minutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** 24 Nov, 14:00 or 24 Nov: a bucket by its name. */
export function bucket(time: string, step: "hour" | "day"): string {
  const at = new Date(time);
  return step === "hour" ? `${localDay.format(at)}, ${minutes.format(at)}` : utcBucket.format(at);
}

/** The same on an axis: hours where they are few, else the day. */
export function tick(time: string, step: "hour" | "day", buckets: number): string {
  if (step === "day") return utcBucket.format(new Date(time));
  return buckets <= 48 ? minutes.format(new Date(time)) : localDay.format(new Date(time));
}

/** 12:04:31 today, 24 Nov 12:04:31 before: a moment in a log. */
export function stamp(time: string, now = Date.now()): string {
  const at = new Date(time);
  const today = at.toDateString() === new Date(now).toDateString();
  return today ? clock.format(at) : `${localDay.format(at)} ${clock.format(at)}`;
}
