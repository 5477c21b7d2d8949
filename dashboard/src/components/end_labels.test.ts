import { expect, it } from "vitest";

import { marksOf, spread } from "@/components/end_labels";

it("marks a line at its last value and a band in its middle", () => {
  const series = [
    { name: "a", values: [1, 4, null] },
    { name: "b", values: [1, 2, 2] },
    { name: "none", values: [null, null, null] },
  ];
  expect(marksOf({ kind: "line", series }, []).map((mark) => mark.value)).toEqual([4, 2]);
  expect(marksOf({ kind: "area", series }, []).map((mark) => mark.value)).toEqual([2, 5]);
});

it("leaves out what is nothing throughout, unless all is", () => {
  const none = { name: "none", values: [0, 0] };
  const names = (...series: { name: string; values: number[] }[]) =>
    marksOf({ kind: "area", series }, []).map((mark) => mark.name);
  expect(names(none, { name: "some", values: [2, 0] })).toEqual(["some"]);
  expect(names(none, { name: "nor", values: [0, 0] })).toEqual(["none"]);
});

it("keeps labels a line apart, in their order and inside", () => {
  expect(spread([50, 52, 10], 14, 0, 100)).toEqual([50, 64, 10]);
  expect(spread([99, 100], 14, 0, 100)).toEqual([86, 100]);
});
