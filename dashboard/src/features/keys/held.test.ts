import { expect, it } from "vitest";

import { heldIn, heldWords } from "@/features/keys/held";

const KEY = { governed: ["limits.requests_per_minute", "budgets.mode", "project_id"] };

it("holds who made a key to what an admin set, and nobody who manages keys", () => {
  expect([...heldIn(KEY, false)]).toEqual(["requests_per_minute", "mode", "project_id"]);
  expect(heldIn(KEY, true).size).toBe(0);
  expect(heldIn(undefined, false).size).toBe(0);
});

it("says what may still be done", () => {
  expect(heldWords("requests_per_minute")).toBe("An admin set it: you may lower it.");
  expect(heldWords("allowed_models")).toBe("An admin set it: you may take entries out.");
});
