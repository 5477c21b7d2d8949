import { expect, it } from "vitest";

import { typedDollars, typedNumber } from "@/lib/typed";

it.each([
  ["1,000", 1000],
  ["1 234 567", 1_234_567],
  ["10'000", 10_000],
  [" 60 ", 60],
  ["", null],
  ["1,00", "1,00"],
  ["1,000 000", "1,000 000"],
  ["many", "many"],
])("reads the number %s as %s", (typed, value) => expect(typedNumber(typed)).toBe(value));

it.each([
  ["$1,000.50", "1000.50"],
  ["0.000000001", "0.000000001"],
  ["$5", "5"],
  ["0,5", "0,5"],
  [" ", null],
])("reads the dollars %s as %s", (typed, value) => expect(typedDollars(typed)).toBe(value));
