import type { Schema } from "@/lib/api/client";

type Billing = Schema["BillingShown"];

const KEPT = "billing-before";

/** What a payment may change. */
function facts({ plan, status, credit_usd, due_usd }: Billing): string {
  return JSON.stringify([plan, status, credit_usd, due_usd]);
}

/** To a page of Stripe's; how things stand now is kept, to see on the way back whether they changed. */
export function leave(url: string, billing: Billing): void {
  sessionStorage.setItem(KEPT, facts(billing));
  window.location.assign(url);
}

/** Whether something changed since; unknown is no. */
export function changedSince(billing: Billing): boolean {
  const before = sessionStorage.getItem(KEPT);
  return before !== null && before !== facts(billing);
}
