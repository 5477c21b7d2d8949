/** A range of time as the URL names it. */
export const RANGES = {
  "24h": "last 24 hours",
  "7d": "last 7 days",
  "30d": "last 30 days",
  "90d": "last 90 days",
} as const;

export type Range = keyof typeof RANGES;

const HOURS: Record<Range, number> = { "24h": 24, "7d": 168, "30d": 720, "90d": 2160 };
const HOUR = 3_600_000;

export function isRange(value: unknown): value is Range {
  return typeof value === "string" && Object.hasOwn(RANGES, value);
}

export interface Span {
  from: string;
  to: string;
  step: "hour" | "day";
}

/** The span that ends with the running hour or day, and as long a one before it. Whole buckets, so that answers can be kept. */
export function spanOf(range: Range, now = Date.now()): Span & { before: Span } {
  const step = range === "24h" || range === "7d" ? "hour" : "day";
  const size = step === "hour" ? HOUR : 24 * HOUR;
  const to = Math.ceil(now / size) * size;
  const length = HOURS[range] * HOUR;
  const span = (end: number): Span => ({
    from: new Date(end - length).toISOString(),
    to: new Date(end).toISOString(),
    step,
  });
  return { ...span(to), before: span(to - length) };
}

/** The start of every bucket in a span. */
export function buckets(span: Span): string[] {
  const size = span.step === "hour" ? HOUR : 24 * HOUR;
  const starts: string[] = [];
  for (let at = Date.parse(span.from); at < Date.parse(span.to); at += size) starts.push(new Date(at).toISOString());
  return starts;
}

/** A figure at each of these times; the gap where there is no row. */
export function along<Row extends { time: string | null }>(
  times: readonly string[],
  rows: readonly Row[],
  figure: (row: Row) => number | null,
  gap: number | null,
): (number | null)[] {
  const at = new Map(rows.map((row) => [Date.parse(row.time ?? ""), row]));
  return times.map((time) => {
    const row = at.get(Date.parse(time));
    return row ? figure(row) : gap;
  });
}
