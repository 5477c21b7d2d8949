import { expect, it } from "vitest";

import { monthsBefore } from "@/features/billing/months";

it("counts months by UTC, the one that runs first", () => {
  const months = monthsBefore(new Date("2027-01-31T23:30:00-05:00"));
  expect(months.slice(0, 3).map(({ name, title }) => [name, title])).toEqual([
    ["2027-02", "February 2027"],
    ["2027-01", "January 2027"],
    ["2026-12", "December 2026"],
  ]);
  expect(months[0]?.span).toEqual({ from: "2027-02-01T00:00:00.000Z" });
  expect(months[1]?.span).toEqual({ from: "2027-01-01T00:00:00.000Z", to: "2027-02-01T00:00:00.000Z" });
});
