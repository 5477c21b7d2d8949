import { Link } from "@tanstack/react-router";
import { Check } from "lucide-react";

import { buttonClasses } from "@/components/button";
import { Failure, Skeleton } from "@/components/states";
import { PublicFrame } from "@/features/public/frame";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars, tokenPriceWords, words } from "@/lib/format";

/** The price list, as the product itself has it. */
export function Pricing() {
  const asked = query.useQuery("get", "/api/v1/plans");
  return (
    <PublicFrame>
      <h1 className="text-hero font-semibold">Prices</h1>
      <p className="mt-2 max-w-prose text-muted">
        A plan includes requests and tokens a month, as far as they go through the gateway; what models cost comes
        beside it. With provider keys of your own, your provider charges you, and we charge nothing for tokens. On this
        gateway&apos;s own keys you are charged{" "}
        {asked.data ? tokenPriceWords(asked.data.tokens) : "the provider's cost and what the operator adds to it"}.
      </p>
      <div className="mt-8 grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
        {asked.isError ? <Failure error={asked.error} /> : null}
        {asked.data
          ? asked.data.data.map((plan) => <PlanCard key={plan.id} plan={plan} />)
          : [1, 2, 3, 4].map((place) => <Skeleton key={place} className="h-80 w-full" />)}
      </div>
    </PublicFrame>
  );
}

function PlanCard({ plan }: { plan: Schema["Plan"] }) {
  const lines = [
    `${count(plan.requests_per_month)} requests a month`,
    `${count(plan.tokens_per_month)} tokens a month`,
    plan.members === null ? "Members without limit" : `${count(plan.members)} members`,
    plan.retention_days === null ? "Usage kept without limit" : `Usage shown for ${plan.retention_days} days`,
    `${count(plan.rates.requests_per_minute)} requests a minute`,
    plan.overage
      ? `Beyond it: ${dollars(plan.overage.per_thousand_requests_usd)} per 1,000 requests, ${dollars(plan.overage.per_million_tokens_usd)} per million tokens, up to your own limit`
      : "Beyond it requests are refused, never charged",
  ];
  return (
    <section className="flex flex-col rounded-card border border-line bg-surface p-5">
      <h2 className="font-semibold">{plan.name}</h2>
      <p className="tabular mt-2 text-title font-semibold">
        {dollars(plan.price_usd).replace(".00", "")} <span className="text-table font-normal text-muted">a month</span>
      </p>
      <ul className="mt-4 flex flex-1 flex-col gap-2 text-table">
        {[...lines, ...plan.features.filter((one) => !["chat", "overage"].includes(one)).map(words)].map((line) => (
          <li key={line} className="flex gap-2">
            <Check aria-hidden className="mt-0.5 size-4 shrink-0 text-accent" />
            {line}
          </li>
        ))}
      </ul>
      <Link to="/signup" className={buttonClasses("secondary", "mt-5")}>
        Choose {plan.name}
      </Link>
    </section>
  );
}
