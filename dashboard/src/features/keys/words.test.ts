import { expect, it } from "vitest";

import { budgetOf, limitsOf } from "@/features/keys/words";

const limits = {
  requests_per_minute: null,
  requests_per_hour: null,
  requests_per_day: null,
  tokens_per_minute: null,
  concurrency: null,
};
const budgets = { day_usd: null, month_usd: null, total_usd: null, mode: "hard" as const };

it("shows every limit, and that there is none", () => {
  expect(limitsOf({ limits, budgets })).toBe("none of its own");
  expect(limitsOf({ limits: { ...limits, requests_per_day: 5 }, budgets })).toBe("5/day");
  expect(limitsOf({ limits: { ...limits, requests_per_hour: 1000, concurrency: 3 }, budgets })).toBe(
    "1,000/hour, 3 at once",
  );
});

it("says when a budget is soft", () => {
  expect(budgetOf({ limits, budgets })).toBe("none");
  expect(budgetOf({ limits, budgets: { ...budgets, mode: "soft" } })).toBe("none");
  expect(budgetOf({ limits, budgets: { ...budgets, day_usd: "5", month_usd: "100", mode: "soft" } })).toBe(
    "$5.00 a day, $100.00 a month, soft",
  );
});
