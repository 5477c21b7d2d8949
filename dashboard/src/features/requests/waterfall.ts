import type { Schema } from "@/lib/api/client";

/** Parts of a hundred of the request's time. */
interface Stretch {
  start: number;
  width: number;
}

export interface Bar extends Stretch {
  attempt: Schema["AttemptShown"];
  good: boolean;
  /** Where its first content came. */
  first: number;
}

export interface Waterfall {
  bars: Bar[];
  /** Time that no attempt took: waits between them, and the gateway's own. When each began is not told, so it stands before the last. */
  rest: (Stretch & { milliseconds: number }) | null;
}

const NARROWEST = 0.6;

/** Where each attempt stands on the request's own scale of time. */
export function waterfallOf(request: Schema["RequestExplained"]): Waterfall {
  const { attempts, duration_ms, first_token_ms } = request;
  const last = attempts.at(-1);
  if (!last) return { bars: [], rest: null };
  const told = attempts.reduce((sum, attempt) => sum + attempt.milliseconds, 0);
  const whole = Math.max(1, duration_ms, told);
  const first = last.first_token_milliseconds ?? null;
  const streams = last.outcome === "ok" && first !== null;
  // A stream's attempt ends with its first content; the answer goes on until the request's end.
  const heard = streams ? first_token_ms : duration_ms;
  const waited = Math.max(0, (heard ?? told) - told);
  const before = told - last.milliseconds;
  const stretch = (from: number, took: number): Stretch => {
    const start = Math.min(100 - NARROWEST, (100 * from) / whole);
    return { start, width: Math.min(100 - start, Math.max(NARROWEST, (100 * took) / whole)) };
  };
  let at = 0;
  const bars = attempts.map((attempt): Bar => {
    const isLast = attempt === last;
    const from = isLast ? before + waited : at;
    at += attempt.milliseconds;
    const place = stretch(
      from,
      isLast && streams ? Math.max(attempt.milliseconds, whole - from) : attempt.milliseconds,
    );
    const content = place.start + (100 * (attempt.first_token_milliseconds ?? attempt.milliseconds)) / whole;
    const latest = place.start + place.width - NARROWEST / 2;
    return { ...place, attempt, good: attempt.outcome === "ok", first: Math.min(latest, content) };
  });
  return { bars, rest: waited > 0 ? { ...stretch(before, waited), milliseconds: waited } : null };
}
