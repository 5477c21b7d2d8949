import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { comingPlan, owes } from "@/features/billing/standing";
import type { Schema } from "@/lib/api/client";
import { cents, words } from "@/lib/format";
import { utcDay } from "@/lib/time";

type Billing = Schema["BillingShown"];

/** Which plan it is, and what happens at the end of its period. */
export function Answer({ billing, plans }: { billing: Billing; plans: readonly Schema["Plan"][] }) {
  if (billing.plan === "self_hosted")
    return <>This installation is your own: nothing is limited by a plan, and nothing is charged for one.</>;
  return (
    <>
      You are on <strong className="font-semibold text-text">{words(billing.plan)}</strong>
      {then(billing, plans)}
      {billing.stripe ? null : (
        <>
          {" "}
          Plans are assigned by the operator of this gateway: ask them for{" "}
          <Link to="/pricing" className="text-accent underline underline-offset-2">
            another one
          </Link>
          .
        </>
      )}
    </>
  );
}

function then(billing: Billing, plans: readonly Schema["Plan"][]): ReactNode {
  const price = (id: string): string => cents(plans.find((plan) => plan.id === id)?.price_usd);
  const end = utcDay(billing.period.end);
  const coming = comingPlan(billing);
  if (coming) {
    const costs = coming === "free" ? "" : `, for ${price(coming)} a month`;
    return ` until ${end}. It becomes ${words(coming)} then${costs}.`;
  }
  if (owes(billing)) return ".";
  if (billing.status === "active" || billing.status === "trialing")
    return ` for ${price(billing.plan)} a month. It renews on ${end}, unless you end it before.`;
  return `. What it includes begins anew on ${end}.`;
}
