import { useState } from "react";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card, Facts, PageHead } from "@/components/card";
import { Failure, Forbidden, FormError, SkeletonRows } from "@/components/states";
import { Answer } from "@/features/billing/answer";
import { Invoices } from "@/features/billing/invoices";
import { Notice } from "@/features/billing/notice";
import { OverageLimit } from "@/features/billing/overage_limit";
import { Plans } from "@/features/billing/plans";
import { Portal } from "@/features/billing/portal";
import { Quota } from "@/features/billing/quota";
import { Returned, useReturn } from "@/features/billing/returned";
import { comingPlan, owes } from "@/features/billing/standing";
import { Statement } from "@/features/billing/statement";
import { TopUp } from "@/features/billing/top_up";
import { useChange } from "@/features/billing/use_change";
import { query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { cents, words } from "@/lib/format";
import { useMay, useOrg } from "@/lib/me";

/** For so long after something was done it is looked whether Stripe has told of it. */
const LOOK_SECONDS = 60;
const EVERY_MS = 2000;

/** The plan, what is used of it, what is owed, and how to change it. */
export function Billing() {
  if (useMay("billing:read")) return <Books />;
  return (
    <>
      <PageHead title="Billing" />
      <Forbidden>Owners and admins see what this organisation pays, and can change it. Ask one of them.</Forbidden>
    </>
  );
}

function Books() {
  const org = useOrg();
  const [back, forget] = useReturn();
  const [until, setUntil] = useState(() => (back && back !== "unpaid" ? Date.now() + LOOK_SECONDS * 1000 : 0));
  const asked = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/billing",
    { params: { path: { org: org.slug } } },
    { refetchInterval: () => (Date.now() < until ? EVERY_MS : false) },
  );
  const look = (): void => {
    forget();
    setUntil(Date.now() + LOOK_SECONDS * 1000);
  };
  const known = query.useQuery("get", "/api/v1/plans");
  if (!asked.data || known.isPending) {
    return asked.error && !asked.data ? (
      <Failure error={asked.error} retry={() => void asked.refetch()} />
    ) : (
      <SkeletonRows />
    );
  }
  const billing = asked.data;
  const plans = known.data?.data ?? [];
  return (
    <>
      <PageHead
        title="Billing"
        answer={<Answer billing={billing} />}
        action={<Actions billing={billing} onChanged={look} />}
      />
      {back ? <Returned back={back} billing={billing} /> : null}
      <Notice billing={billing} />
      {asked.error ? (
        <p role="status" className="mb-4 text-caption text-muted">
          These figures may be a little old: {wordsOf(asked.error)}
        </p>
      ) : null}
      <Cards billing={billing} plan={plans.find((plan) => plan.id === billing.plan)} />
    </>
  );
}

interface ActionsProps {
  billing: Schema["BillingShown"];
  onChanged: () => void;
}

function Actions({ billing, onChanged }: ActionsProps) {
  const may = useMay("billing:write");
  const [choosing, setChoosing] = useState(false);
  const keep = useChange(billing, onChanged);
  if (!may || !billing.stripe) return null;
  return (
    <>
      {comingPlan(billing) ? (
        <Button
          busy={keep.isPending}
          onClick={() => keep.make(billing.plan, { instead_of: billing.plan, step: "keep" })}
        >
          Keep {words(billing.plan)}
        </Button>
      ) : null}
      <Button kind="primary" onClick={() => setChoosing(true)}>
        Change plan
      </Button>
      <FormError error={keep.error} />
      {choosing ? <Plans billing={billing} onClose={() => setChoosing(false)} onChanged={onChanged} /> : null}
    </>
  );
}

interface CardsProps {
  billing: Schema["BillingShown"];
  plan: Schema["Plan"] | undefined;
}

function Cards({ billing, plan }: CardsProps) {
  const may = useMay("billing:write");
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card title="Usage against the plan">
        <Quota billing={billing} />
      </Card>
      <Card title="Money" action={<Portal billing={billing} />}>
        <Facts
          rows={[
            ["Credit, paid in advance", cents(billing.credit_usd)],
            ["Not on an invoice yet", cents(billing.unbilled_usd)],
            ["Invoiced and not paid", cents(billing.due_usd)],
            ["Beyond the plan in this period", cents(billing.overage_usd)],
            [
              "Status",
              <Badge key="status" tone={owes(billing) ? "soon" : "plain"}>
                {billing.status === "none" ? "no subscription" : words(billing.status)}
              </Badge>,
            ],
          ]}
        />
        {may ? <TopUp billing={billing} /> : null}
      </Card>
      {may ? (
        <Card title="Beyond the plan">
          {plan?.overage ? <OverageLimit billing={billing} /> : <NothingBeyond billing={billing} />}
        </Card>
      ) : null}
      <Card title="Statement">
        <Statement />
      </Card>
      <Card title="Invoices" className="lg:col-span-2">
        <Invoices key={`${billing.plan} ${billing.status} ${billing.due_usd}`} stripe={billing.stripe} />
      </Card>
    </div>
  );
}

function NothingBeyond({ billing }: { billing: Schema["BillingShown"] }) {
  return (
    <p className="text-muted">
      {billing.plan === "self_hosted"
        ? "This plan has no end, so nothing goes beyond it."
        : `${words(billing.plan)} ends where what it includes ends: then requests are refused. Paid plans can go beyond, at a price and up to a limit of your own.`}
    </p>
  );
}
