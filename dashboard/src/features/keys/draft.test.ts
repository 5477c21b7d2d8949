import { expect, it } from "vitest";

import { asBody, draftOf, SCOPES } from "@/features/keys/draft";
import type { Schema } from "@/lib/api/client";
import { changesOf } from "@/lib/edits";

const KEY = {
  name: "build",
  expires_at: "2099-01-01T12:00:00Z",
  project_id: "proj_1",
  allowed_models: ["smart"],
  limits: { requests_per_minute: null, requests_per_hour: 1000, requests_per_day: null },
  budgets: { day_usd: null, month_usd: "10.000000000", total_usd: null, mode: "hard" },
} as unknown as Schema["KeyShown"];

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

it("sends of a key that is renamed its name alone", () => {
  const saved = draftOf(KEY);
  expect(changesOf(asBody(saved), asBody({ ...saved, name: "built" }))).toEqual({ name: "built" });
  expect(changesOf(asBody(saved), asBody({ ...saved, monthUsd: "" }))).toEqual({ budgets: { month_usd: null } });
});

it("says that a key has no limit of its own where it would have one by default, and sends that back", () => {
  const saved = draftOf(KEY, { requests_per_minute: 60, requests_per_hour: 1000, requests_per_day: null });
  expect([saved.minute, saved.hour, saved.day]).toEqual(["none", "1000", ""]);
  expect(asBody(saved).limits.requests_per_minute).toBe("none");
  const changes = changesOf(asBody(saved), asBody({ ...saved, minute: "" }));
  expect(changes).toEqual({ limits: { requests_per_minute: null } });
});
