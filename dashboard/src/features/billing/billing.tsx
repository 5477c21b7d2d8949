import { Link, useSearch } from "@tanstack/react-router";
import { ExternalLink } from "lucide-react";
import { useState } from "react";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card, Facts, PageHead } from "@/components/card";
import { classes } from "@/components/classes";
import { download } from "@/components/csv";
import { Failure, Forbidden, SkeletonRows } from "@/components/states";
import { useTell } from "@/components/toast";
import { Invoices } from "@/features/billing/invoices";
import { OverageLimit } from "@/features/billing/overage_limit";
import { Plans } from "@/features/billing/plans";
import { Quota } from "@/features/billing/quota";
import { TopUp } from "@/features/billing/top_up";
import { api, query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { dollars, words } from "@/lib/format";
import { useMay, useOrg } from "@/lib/me";
import { day } from "@/lib/time";

/** How often it is looked whether a payment has arrived. */
const MOST_LOOKS = 30;

/** The plan, what is used of it, what is owed, and how to change it. */
export function Billing() {
  if (useMay("billing:read")) return <Books />;
  return (
    <>
      <PageHead title="Billing" />
      <Forbidden>
        Owners and those who look after billing may see what this organisation pays. Ask one of them.
      </Forbidden>
    </>
  );
}

function Books() {
  const org = useOrg();
  const path = { org: org.slug };
  const [choosing, setChoosing] = useState(false);
  const [waiting, setWaiting] = useState(false);
  const { paid } = useSearch({ strict: false });
  const asked = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/billing",
    { params: { path } },
    {
      refetchInterval: ({ state }) =>
        (paid === "yes" || waiting) && state.dataUpdateCount < MOST_LOOKS ? 2000 : false,
    },
  );
  const may = useMay("billing:write");
  if (asked.error) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  if (!asked.data) return <SkeletonRows />;
  const billing = asked.data;
  const change =
    may && billing.stripe ? (
      <Button kind="primary" onClick={() => setChoosing(true)}>
        Change plan
      </Button>
    ) : null;
  return (
    <>
      <PageHead title="Billing" answer={<Answer billing={billing} />} action={change} />
      {paid ? <Paid paid={paid === "yes"} /> : null}
      {billing.message ? (
        <p role="status" className="mb-4 rounded-card bg-amber-soft px-4 py-3 text-amber">
          {billing.message}
        </p>
      ) : null}
      <div className="grid gap-4 lg:grid-cols-2">
        <Card title="Usage against the plan">
          <Quota billing={billing} />
        </Card>
        <Card title="Money" action={<Portal billing={billing} />}>
          <Facts
            rows={[
              ["Credit, paid in advance", dollars(billing.credit_usd)],
              ["Not on an invoice yet", dollars(billing.unbilled_usd)],
              ["Invoiced and not paid", dollars(billing.due_usd)],
              ["Beyond the plan in this period", dollars(billing.overage_usd)],
              [
                "Status",
                <Badge key="status">{billing.status === "none" ? "no subscription" : words(billing.status)}</Badge>,
              ],
            ]}
          />
          {may ? <TopUp billing={billing} /> : null}
        </Card>
        {may ? (
          <Card title="Beyond the plan">
            <OverageLimit billing={billing} />
          </Card>
        ) : null}
        <Card title="Statement">
          <Statement />
        </Card>
        <Card title="Invoices" className="lg:col-span-2">
          <Invoices key={billing.plan} stripe={billing.stripe} />
        </Card>
      </div>
      {choosing ? (
        <Plans billing={billing} onClose={() => setChoosing(false)} onChanged={() => setWaiting(true)} />
      ) : null}
    </>
  );
}

/** Back from Checkout. What was bought counts when Stripe has told it, not when the browser says so. */
function Paid({ paid }: { paid: boolean }) {
  return (
    <p
      role="status"
      className={classes("mb-4 rounded-card px-4 py-3", paid ? "bg-accent-soft text-accent" : "bg-raised text-muted")}
    >
      {paid
        ? "The payment is made. What you bought shows here as soon as Stripe has told us, mostly within seconds."
        : "Nothing was paid, and nothing is changed."}
    </p>
  );
}

function Answer({ billing }: { billing: Schema["BillingShown"] }) {
  const until = day(billing.period.end);
  if (billing.plan === "self_hosted")
    return <>This installation is your own: nothing is limited by a plan, and nothing is charged for one.</>;
  const how = billing.stripe ? null : (
    <>
      {" "}
      Plans are assigned by the operator of this gateway: ask them for{" "}
      <Link to="/pricing" className="text-accent underline underline-offset-2">
        another one
      </Link>
      .
    </>
  );
  const after = billing.next_plan ?? (billing.ends_at ? "free" : null);
  const next = after ? ` It becomes ${words(after)} then.` : "";
  return (
    <>
      You are on <strong className="font-semibold text-text">{words(billing.plan)}</strong> until {until}.{next}
      {how}
    </>
  );
}

function Portal({ billing }: { billing: Schema["BillingShown"] }) {
  const org = useOrg();
  const tell = useTell();
  const may = useMay("billing:write");
  const open = query.useMutation("post", "/api/v1/orgs/{org}/billing/portal", {
    onSuccess: (page) => window.location.assign(page.url),
    onError: (error) => tell(wordsOf(error)),
  });
  if (!may || !billing.stripe || billing.status === "none") return null;
  return (
    <Button
      busy={open.isPending}
      onClick={() => open.mutate({ params: { path: { org: org.slug } } })}
      icon={<ExternalLink aria-hidden className="size-4" />}
    >
      Cards and addresses
    </Button>
  );
}

function Statement() {
  const org = useOrg();
  const tell = useTell();
  const save = async (): Promise<void> => {
    try {
      const { data } = await api.GET("/api/v1/orgs/{org}/billing/statement", {
        params: { path: { org: org.slug } },
        parseAs: "text",
      });
      download(`statement-${org.slug}.csv`, String(data));
    } catch (error) {
      tell(wordsOf(error));
    }
  };
  return (
    <div className="flex flex-col items-start gap-3">
      <p className="text-muted">
        Every line of your books this month, to the nano-dollar: what each request was charged, credit, invoices,
        refunds.{" "}
        <Link to="/o/$org/requests" params={{ org: org.slug }} className="text-accent underline underline-offset-2">
          Requests
        </Link>{" "}
        show why.
      </p>
      <Button onClick={() => void save()}>Download as CSV</Button>
    </div>
  );
}
