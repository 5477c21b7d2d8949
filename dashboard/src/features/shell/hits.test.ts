import { expect, it } from "vitest";

import { hitsOf } from "@/features/shell/hits";

const known = {
  pages: [{ title: "Keys", kind: "Page", to: "/o/$org/keys" }],
  keys: [{ id: "key_1", name: "search service" }],
  models: [{ id: "sandbox/chat" }],
};
const kinds = (typed: string) => hitsOf(typed, known).map((hit) => hit.kind);

it("finds pages, keys, models and requests", () => {
  expect(kinds("")).toEqual(["Page"]);
  expect(kinds("KEY")).toEqual(["Page"]);
  expect(kinds("search")).toEqual(["Requests of key"]);
  expect(kinds("sandbox/ch")).toEqual(["Model"]);
  expect(kinds("sandbox/chat")).toEqual(["Model", "Requests to model"]);
  expect(kinds("req_01abc")).toEqual(["Request"]);
});

it("finds nothing for nonsense", () => {
  expect(kinds("qqqq")).toEqual([]);
});
