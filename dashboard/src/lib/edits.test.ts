import { expect, it } from "vitest";

import { changesOf } from "@/lib/edits";

const WAS = { name: "build", models: ["a"], expires: null, budgets: { day_usd: "1", month_usd: null } };

it("says nothing of what is as it was", () => {
  expect(changesOf(WAS, { ...WAS, models: ["a"], budgets: { ...WAS.budgets } })).toEqual({});
});

it("says of a group only what is another in it, and null where something was taken away", () => {
  const now = { ...WAS, models: ["a", "b"], budgets: { day_usd: null, month_usd: null } };
  expect(changesOf<object>(WAS, now)).toEqual({ models: ["a", "b"], budgets: { day_usd: null } });
});
