import { expect, it } from "vitest";

import { buckets, isRange, spanOf } from "@/lib/range";

const NOW = Date.parse("2026-11-24T12:34:56Z");

it("ends with the running hour, and stands still within it", () => {
  const span = spanOf("24h", NOW);
  expect([span.from, span.to]).toEqual(["2026-11-23T13:00:00.000Z", "2026-11-24T13:00:00.000Z"]);
  expect(spanOf("24h", NOW + 60_000)).toEqual(span);
  expect(buckets(span)).toHaveLength(24);
});

it("compares with as long a span before", () => {
  const { from, before } = spanOf("30d", NOW);
  expect(before.to).toBe(from);
  expect(buckets(before)).toHaveLength(30);
});

it("takes no other range from the URL", () => {
  expect(isRange("7d")).toBe(true);
  expect(isRange("__proto__")).toBe(false);
});
