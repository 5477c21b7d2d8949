import { expect, it } from "vitest";

import { asBody, draftOf, SCOPES } from "@/features/keys/draft";

it("says nothing of what was left empty", () => {
  const body = asBody({ ...draftOf(undefined), name: " build " });
  expect(body).toMatchObject({
    name: "build",
    allowed_models: null,
    scopes: null,
    expires_at: null,
    cache_seconds: null,
  });
  expect(Object.values(body.limits).every((limit) => limit === null)).toBe(true);
});

it("keeps 0 apart from empty", () => {
  const body = asBody({ ...draftOf(undefined), cache: "0", monthUsd: "0" });
  expect(body.cache_seconds).toBe(0);
  expect(body.budgets.month_usd).toBe("0");
});

it("splits lists, and narrows endpoints only when some are taken away", () => {
  const body = asBody({ ...draftOf(undefined), models: "smart, openai/gpt-4.1,", scopes: SCOPES.slice(0, 1) });
  expect(body.allowed_models).toEqual(["smart", "openai/gpt-4.1"]);
  expect(body.scopes).toEqual(["chat"]);
});
