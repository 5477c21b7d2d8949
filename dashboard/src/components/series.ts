/** What a chart shows, and its drawing draws. */
export interface Series {
  name: string;
  values: readonly (number | null)[];
  /** A faint line: what was before. */
  faint?: boolean;
  /** Red means money lost or service down; neutral leaves the accent to what matters more. */
  tone?: "accent" | "neutral" | "bad";
}

export interface ChartProps {
  title: string;
  kind: "area" | "line";
  step: "hour" | "day";
  times: readonly string[];
  series: readonly Series[];
  format: (value: number) => string;
  /** There are no halves: the axis of small figures names each once. */
  whole?: boolean;
  /** The chart in a sentence: said above it, and to those who do not see it. */
  summary: string;
  /** Nothing is known yet: its shape alone is shown. */
  pending?: boolean;
}

const MOST = 6;

/** Whether there is nothing to draw, not even noughts. */
export function isEmpty(series: readonly Series[]): boolean {
  return series.every((one) => one.values.every((value) => value === null));
}

/** The colour of each series, by its tone or its place among those without one. */
export function coloursOf(series: readonly Series[]): string[] {
  let place = 0;
  return series.map((one) => {
    if (one.faint) return "var(--muted)";
    if (one.tone === "bad") return "var(--red)";
    if (one.tone === "accent") return "var(--chart-1)";
    if (one.tone === "neutral") return "var(--chart-2)";
    return `var(--chart-${(place++ % MOST) + 1})`;
  });
}

/** The largest by their sum, and the rest together: no chart has more than six series. */
export function largest(series: readonly Series[], most = MOST): Series[] {
  const sum = (one: Series): number => one.values.reduce<number>((all, value) => all + (value ?? 0), 0);
  const sorted = [...series].sort((a, b) => sum(b) - sum(a));
  if (sorted.length <= most) return sorted;
  const rest = sorted.slice(most - 1);
  const values = (rest[0]?.values ?? []).map((_, at) => rest.reduce((all, one) => all + (one.values[at] ?? 0), 0));
  return [...sorted.slice(0, most - 1), { name: `${rest.length} others`, values, tone: "neutral" }];
}
