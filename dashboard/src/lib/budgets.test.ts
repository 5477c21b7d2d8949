import { expect, it } from "vitest";

import { budgetBody, budgetDraftOf, budgetsSet } from "@/lib/budgets";

const SHOWN = { day_usd: null, month_usd: "12.500000000", total_usd: "100.000000000", mode: "soft" as const };

it("sends back what it was given, and nothing for what was left empty", () => {
  expect(budgetBody(budgetDraftOf(SHOWN))).toEqual({
    day_usd: null,
    month_usd: "12.5",
    total_usd: "100",
    mode: "soft",
  });
  expect(budgetBody(budgetDraftOf(undefined))).toEqual({
    day_usd: null,
    month_usd: null,
    total_usd: null,
    mode: "hard",
  });
});

it("lists only budgets that are set", () => {
  expect(budgetsSet(SHOWN).map(([span]) => span)).toEqual(["month", "total"]);
  expect(budgetsSet(undefined)).toEqual([]);
});
