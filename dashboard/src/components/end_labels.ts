import type { ChartProps, Series } from "@/components/series";

export interface Mark {
  name: string;
  colour: string;
  /** Where on the axis of values the series ends. */
  value: number;
}

/** Where each series ends: a line at its last value, an area in the middle of its band. What is nothing throughout has no label, unless all are. */
export function marksOf({ kind, series }: Pick<ChartProps, "kind" | "series">, colours: readonly string[]): Mark[] {
  const isThere = (one: Series): boolean => one.values.some((value) => value !== null && value !== 0);
  const anything = series.some(isThere);
  let below = 0;
  return series.flatMap((one, place) => {
    const last = one.values.findLast((value) => value !== null);
    if (last === undefined || (anything ? !isThere(one) : place > 0)) return [];
    const mark = { name: one.name, colour: colours[place] ?? "var(--text)", value: last };
    if (one.faint || kind === "line") return [mark];
    below += last;
    return [{ ...mark, value: below - last / 2 }];
  });
}

/** Moves places apart that are closer than a line of text, within top and bottom, in their order. */
export function spread(places: readonly number[], gap: number, top: number, bottom: number): number[] {
  const order = places.map((at, place) => ({ at, place })).sort((a, b) => a.at - b.at);
  let least = top;
  for (const one of order) {
    one.at = Math.max(one.at, least);
    least = one.at + gap;
  }
  let most = bottom;
  for (const one of order.reverse()) {
    one.at = Math.min(one.at, most);
    most = one.at - gap;
  }
  return order.sort((a, b) => a.place - b.place).map((one) => one.at);
}
