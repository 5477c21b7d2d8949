import { expect, it } from "vitest";

import { csvOf } from "@/components/csv";

it("runs nothing as a formula, and leaves a loss a number", () => {
  const rows = [["=cmd|' /C calc'!A0", "-0.000381", -2, '-1+1,"x"', "a\rb", null]];
  const [, line] = csvOf(["name", "saved_usd", "n", "tag", "note", "none"], rows).split("\r\n");
  expect(line).toBe(`'=cmd|' /C calc'!A0,-0.000381,-2,"'-1+1,""x""","a\rb",`);
});
