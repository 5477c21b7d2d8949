import { expect, it } from "vitest";

import { barsOf } from "@/features/requests/waterfall";
import type { Schema } from "@/lib/api/client";

const attempt = (outcome: string, milliseconds: number, first?: number) => ({
  provider: "p",
  model: "m",
  status: outcome === "ok" ? 200 : 503,
  outcome,
  milliseconds,
  first_token_milliseconds: first ?? null,
  message: "",
});
const asked = (duration_ms: number, ...attempts: unknown[]) =>
  ({ duration_ms, attempts }) as unknown as Schema["RequestExplained"];

it("puts a failed attempt first, and lets the last go on to the end", () => {
  const [failed, served] = barsOf(asked(1000, attempt("overloaded", 400), attempt("ok", 200, 200)));
  expect(failed).toMatchObject({ start: 0, width: 40, good: false });
  expect(served).toMatchObject({ start: 40, first: 60, width: 60, good: true });
});

it("keeps the shortest to be seen, inside", () => {
  const bars = barsOf(asked(10_000, attempt("ok", 1)));
  expect(bars[0]?.width).toBe(100);
  const short = barsOf(asked(10_000, attempt("timeout", 9_999), attempt("refused", 1)));
  expect(short[1]?.start).toBeLessThanOrEqual(99.4);
  expect((short[1]?.start ?? 0) + (short[1]?.width ?? 0)).toBeLessThanOrEqual(100);
});
