const title = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const MOST = 24;

interface Month {
  /** 2026-11 */
  name: string;
  title: string;
  /** What the API asks for; the month that runs goes as far as it has come. */
  span: { from: string; to?: string };
}

/** The UTC month that runs and those before it, newest first. */
export function monthsBefore(now: Date): Month[] {
  const first = (ago: number): Date => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - ago, 1));
  return Array.from({ length: MOST }, (_, ago) => {
    const from = first(ago).toISOString();
    const span = ago === 0 ? { from } : { from, to: first(ago - 1).toISOString() };
    return { name: from.slice(0, 7), title: title.format(first(ago)), span };
  });
}
