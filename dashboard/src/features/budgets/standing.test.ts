import { expect, it } from "vitest";

import { standingOf } from "@/features/budgets/standing";
import type { Span } from "@/lib/budgets";

const budgets = { day_usd: "0.1", month_usd: "0.2", total_usd: null, mode: "hard" as const };
const spent = (all: Partial<Record<Span, number>>) => (span: Span) => all[span];

it("says first that requests are refused, though the month has some left", () => {
  expect(standingOf(budgets, spent({ day: 0.182, month: 0.182 })).refused).toBe(
    "the day's budget of $0.10 is spent; it begins anew at 00:00 UTC",
  );
});

it("names the budget that keeps them refused longest", () => {
  expect(standingOf(budgets, spent({ day: 0.2, month: 0.2 })).refused).toMatch(/^the month's budget of \$0.20/);
});

it("does not speak of refusing where the budget is soft", () => {
  expect(standingOf({ ...budgets, mode: "soft" }, spent({ day: 0.182, month: 0.182 }))).toEqual({
    refused: null,
    left: "the day's budget of $0.10 is spent; it is soft, so requests go on",
  });
});

it("says what is left of the tightest budget", () => {
  expect(standingOf(budgets, spent({ day: 0.01, month: 0.19 })).left).toBe(
    "$0.01 are left of the month's budget of $0.20",
  );
});

it("says nothing of what is not known", () => {
  expect(standingOf(budgets, spent({}))).toEqual({ refused: null, left: null });
  expect(standingOf(undefined, spent({ day: 1 }))).toEqual({ refused: null, left: null });
});
