import { expect, it } from "vitest";

import { asQuery, requestSearch } from "@/features/requests/filters";

it("reads from the URL what it knows, and nothing else", () => {
  const search = requestSearch({ model: "smart", outcome: "odd", live: true, limit: 5, tag: 7 });
  expect(search).toEqual({ model: "smart", tag: "7", live: true });
  expect(asQuery(search)).toEqual({ model: "smart", tag: "7" });
});
