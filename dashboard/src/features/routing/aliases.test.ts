import { expect, it } from "vitest";

import { aliasesOf, namesOfFile, wrongName } from "@/features/routing/aliases";

const route = (alias: string) => ({
  id: `route_${alias}`,
  alias,
  strategy: "priority" as const,
  targets: [],
  retries: null,
  timeouts: {},
  created_at: "",
  updated_at: "",
});
const models = [
  { id: "smart", owned_by: "llmgateway" },
  { id: "fast", owned_by: "llmgateway" },
  { id: "openai/gpt-4.1", owned_by: "openai" },
];

it("tells the file's aliases from the organisation's own, which stand before them", () => {
  expect(namesOfFile([route("smart")], models)).toEqual(["fast"]);
  expect(aliasesOf([route("smart")], models).map((one) => [one.name, one.own !== null])).toEqual([
    ["smart", true],
    ["fast", false],
  ]);
});

it.each(["smart", "gpt-4.1", "team:search_2", ""])("takes the name %s", (name) => expect(wrongName(name)).toBeNull());

it.each(["my alias", "what?", "-x", "a/b", "x".repeat(101)])("does not take the name %s", (name) =>
  expect(wrongName(name)).not.toBeNull(),
);
