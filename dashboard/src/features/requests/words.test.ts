import { expect, it } from "vitest";

import { refusalOf } from "@/features/requests/refusals";
import { modelOf, servedBy, took } from "@/features/requests/words";

const of = (model: string, provider: string | null, served_model: string | null) => ({ model, provider, served_model });

it("says who served it where that is another than was asked for", () => {
  expect(servedBy(of("sandbox/chat", "sandbox", "chat"))).toBeNull();
  expect(servedBy(of("smart", "openai", "gpt-4.1"))).toBe("openai/gpt-4.1");
  expect(servedBy(of("smart", null, null))).toBeNull();
});

it("has words for a request without a model, and for no time at all", () => {
  expect(modelOf(of("", null, null))).toBe("no model");
  expect([took(0), took(3), took(null)]).toEqual(["< 1 ms", "3 ms", "—"]);
});

it("explains what refused a request, and leaves unknown codes alone", () => {
  expect(refusalOf("budget_exceeded")?.places?.map((place) => place.title)).toEqual(["Keys", "Budgets"]);
  expect(refusalOf("toString")).toBeNull();
  expect(refusalOf(null)).toBeNull();
});
