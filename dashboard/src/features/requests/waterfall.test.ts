import { expect, it } from "vitest";

import { waterfallOf } from "@/features/requests/waterfall";
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
const asked = (duration_ms: number, first_token_ms: number | null, ...attempts: unknown[]) =>
  ({ duration_ms, first_token_ms, attempts }) as unknown as Schema["RequestExplained"];

it("puts a failed attempt first, and lets a stream go on to the end", () => {
  const { bars, rest } = waterfallOf(asked(1000, 600, attempt("overloaded", 400), attempt("ok", 200, 200)));
  expect(bars[0]).toMatchObject({ start: 0, width: 40, good: false });
  expect(bars[1]).toMatchObject({ start: 40, first: 60, width: 60, good: true });
  expect(rest).toBeNull();
});

it("shows the time that no attempt took, before the last of them", () => {
  const { bars, rest } = waterfallOf(
    asked(100, null, attempt("overloaded", 1), attempt("overloaded", 1), attempt("ok", 2)),
  );
  expect(rest).toEqual({ start: 2, width: 96, milliseconds: 96 });
  expect(bars.map((bar) => bar.start)).toEqual([0, 1, 98]);
});

it("knows from its first content when a stream's last attempt began", () => {
  const { bars, rest } = waterfallOf(asked(1000, 500, attempt("timeout", 100), attempt("ok", 150, 150)));
  expect(rest).toMatchObject({ start: 10, milliseconds: 250 });
  expect(bars[1]).toMatchObject({ start: 35, first: 50, width: 65 });
});

it("keeps the shortest to be seen, inside", () => {
  const { bars } = waterfallOf(asked(10_000, null, attempt("timeout", 9_999), attempt("refused", 1)));
  expect(bars[1]?.start).toBeLessThanOrEqual(99.4);
  expect((bars[1]?.start ?? 0) + (bars[1]?.width ?? 0)).toBeLessThanOrEqual(100);
  expect(waterfallOf(asked(10, null)).bars).toEqual([]);
});
