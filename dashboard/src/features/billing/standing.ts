import type { Schema } from "@/lib/api/client";

type Billing = Schema["BillingShown"];

/** A payment failed, and the subscription goes on when it is made. */
export function owes({ status }: Billing): boolean {
  return status === "past_due" || status === "unpaid";
}

/** What the plan becomes at the period's end; null where it goes on. */
export function comingPlan({ next_plan, ends_at }: Billing): string | null {
  return next_plan ?? (ends_at ? "free" : null);
}
