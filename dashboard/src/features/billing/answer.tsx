import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";

import { comingPlan, owes } from "@/features/billing/standing";
import { query, type Schema } from "@/lib/api/client";
import { cents, words } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { utcDay } from "@/lib/time";

type Billing = Schema["BillingShown"];

/** Which plan it is, and what happens at the end of its period; at what price says Stripe alone. */
export function Answer({ billing }: { billing: Billing }) {
  const org = useOrg();
  const renews = billing.status === "active" || billing.status === "trialing";
  const renewal = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/billing/renewal",
    { params: { path: { org: org.slug } } },
    { enabled: billing.stripe && renews },
  );
  const next = comingPlan(billing) ?? billing.plan;
  const { refetch } = renewal;
  useEffect(() => {
    if (billing.stripe && renews) void refetch();
  }, [billing.stripe, renews, next, refetch]);
  // What was asked before the plan changed is not said of the one that it is now.
  const known = renewal.data?.plan === next ? renewal.data : undefined;
  if (billing.plan === "self_hosted")
    return <>This installation is your own: nothing is limited by a plan, and nothing is charged for one.</>;
  return (
    <>
      You are on <strong className="font-semibold text-text">{words(billing.plan)}</strong>
      {then(billing, renews, known ? known.usd : null)}
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

function then(billing: Billing, renews: boolean, usd: string | null | undefined): ReactNode {
  const end = utcDay(billing.period.end);
  const price = usd ? ` for ${cents(usd)}` : "";
  const coming = comingPlan(billing);
  if (coming) {
    return ` until ${end}. It becomes ${words(coming)} then${price}.`;
  }
  if (owes(billing)) return ".";
  if (renews) return `. It renews on ${end}${price}, unless you end it before.`;
  return `. What it includes begins anew on ${end}.`;
}
