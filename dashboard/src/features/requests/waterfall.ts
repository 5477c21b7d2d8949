import type { Schema } from "@/lib/api/client";

export interface Bar {
  attempt: Schema["AttemptShown"];
  good: boolean;
  /** Parts of a hundred of the request's time. */
  start: number;
  /** Where its first content came. */
  first: number;
  width: number;
}

const NARROWEST = 0.6;

/** Where each attempt stands on the request's own scale of time. */
export function barsOf(request: Schema["RequestExplained"]): Bar[] {
  const told = request.attempts.reduce((sum, attempt) => sum + attempt.milliseconds, 0);
  const whole = Math.max(1, request.duration_ms, told);
  const part = (milliseconds: number): number => (100 * milliseconds) / whole;
  let at = 0;
  return request.attempts.map((attempt, place) => {
    const good = attempt.outcome === "ok";
    const isLast = place === request.attempts.length - 1;
    // A stream's attempt ends with its first content; the answer goes on until the request's end.
    const took = good && isLast ? Math.max(attempt.milliseconds, request.duration_ms - at) : attempt.milliseconds;
    const first = attempt.first_token_milliseconds ?? attempt.milliseconds;
    const start = Math.min(100 - NARROWEST, part(at));
    const width = Math.min(100 - start, Math.max(NARROWEST, part(took)));
    at += took;
    return { attempt, good, start, first: Math.min(start + width - NARROWEST / 2, start + part(first)), width };
  });
}
