import { expect, it } from "vitest";

import { NEW_TARGET, toldTarget, typedTargets } from "@/features/routing/targets";

const told = {
  provider: "azure",
  model: "our/prod",
  weight: 2,
  context: 128_000,
  prefill: true,
  reasoning: null,
  price: { input: "2.50", output: "10", cached_input: "1.25" },
};

it("keeps what the form does not ask", () => {
  const [typed] = typedTargets([told]);
  expect(typed && toldTarget(typed)).toEqual(told);
});

it("forgets with another model what was said of the one before", () => {
  const [typed] = typedTargets([told]);
  expect(typed && toldTarget({ ...typed, name: "azure/other", price: null })).toEqual({
    provider: "azure",
    model: "other",
    weight: 2,
    price: null,
  });
});

it("takes a price as it is typed", () => {
  const typed = { ...NEW_TARGET, name: " groq/mine ", weight: "", price: { input: "$1,000.50", output: "" } };
  expect(toldTarget(typed)).toEqual({
    provider: "groq",
    model: "mine",
    weight: 1,
    price: { input: "1000.50", output: "0" },
  });
});
