import type { Known } from "@/features/budgets/spending";
import type { Schema } from "@/lib/api/client";
import { budgetsSet, type Span } from "@/lib/budgets";
import { dollars } from "@/lib/format";

const WHOSE: Record<Span, string> = { day: "day's budget", month: "month's budget", total: "budget in all" };
const ANEW: Record<Span, string> = {
  day: "it begins anew at 00:00 UTC",
  month: "it begins anew on the 1st, 00:00 UTC",
  total: "raise it, and requests go on",
};

/** The budget that matters most now: of those used up the one that lasts longest, else the one with the least left. */
export interface Standing {
  /** Requests are refused, and why; null while they are not. */
  refused: string | null;
  /** What is left, or over; null without a budget. */
  left: string | null;
}

export function standingOf(budgets: Schema["BudgetsShown"] | undefined, spent: (span: Span) => Known): Standing {
  const known = budgetsSet(budgets).flatMap(([span, budget]) => {
    const used = spent(span);
    return typeof used !== "number" ? [] : [{ span, budget: Number(budget), left: Number(budget) - used }];
  });
  const over = known.filter((one) => one.left <= 0).at(-1);
  if (over) {
    const spentUp = `the ${WHOSE[over.span]} of ${dollars(over.budget)} is spent`;
    return budgets?.mode === "soft"
      ? { refused: null, left: `${spentUp}; it is soft, so requests go on` }
      : { refused: `${spentUp}; ${ANEW[over.span]}`, left: null };
  }
  const least = known.toSorted((one, other) => one.left - other.left)[0];
  return {
    refused: null,
    left: least ? `${dollars(least.left)} are left of the ${WHOSE[least.span]} of ${dollars(least.budget)}` : null,
  };
}
