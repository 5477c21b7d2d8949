import { expect, it } from "vitest";

import { coloursOf, isEmpty, largest, type Series } from "@/components/series";

const of = (name: string, ...values: number[]): Series => ({ name, values });

it("keeps the largest series, and adds up the rest", () => {
  const all = [of("a", 1, 0), of("b", 5, 5), of("c", 2, 2), of("d", 0, 1)];
  expect(largest(all, 3).map((one) => [one.name, ...one.values])).toEqual([
    ["b", 5, 5],
    ["c", 2, 2],
    ["2 others", 1, 1],
  ]);
  expect(largest(all, 4)).toHaveLength(4);
});

it("draws what failed in red, what was before faintly, and the others one by one", () => {
  const all: Series[] = [of("a"), { ...of("failed"), tone: "bad" }, of("b"), { ...of("before"), faint: true }];
  expect(coloursOf(all)).toEqual(["var(--chart-1)", "var(--red)", "var(--chart-2)", "var(--muted)"]);
});

it("has nothing to draw where no time has a value, but draws noughts", () => {
  expect(isEmpty([{ name: "p50", values: [null, null] }])).toBe(true);
  expect(isEmpty([{ name: "p50", values: [null, null] }, of("p95", 3)])).toBe(false);
  expect(isEmpty([of("failed", 0, 0)])).toBe(false);
});
