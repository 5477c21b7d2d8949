import { expect, it } from "vitest";

import { asQuery, requestSearch } from "@/features/requests/filters";

it("reads from the URL what it knows, and nothing else", () => {
  const search = requestSearch({ model: "smart", outcome: "odd", live: true, limit: 5, tag: 7 });
  expect(search).toEqual({ model: "smart", tag: "7", live: true });
  expect(asQuery(search)).toEqual({ model: "smart", tag: "7" });
});

it("asks from the start of a range on", () => {
  const search = requestSearch({ since: "24h" });
  expect(search).toEqual({ since: "24h" });
  expect(Object.keys(asQuery(search))).toEqual(["from"]);
  expect(requestSearch({ since: "ever" })).toEqual({});
});

it("tells live traffic from all of it", () => {
  expect(requestSearch({ test: false })).toEqual({ test: false });
  expect(asQuery(requestSearch({ test: false }))).toEqual({ test: false });
  expect(requestSearch({ test: "odd" })).toEqual({});
});
