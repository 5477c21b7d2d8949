import { useState } from "react";

import { Button, buttonClasses } from "@/components/button";
import { classes } from "@/components/classes";
import { Dialog } from "@/components/dialog";
import { FormError, Skeleton, SkeletonRows } from "@/components/states";
import { actOf, costOf } from "@/features/billing/change_words";
import { comingPlan, owes } from "@/features/billing/standing";
import { useChange } from "@/features/billing/use_change";
import { query, type Schema } from "@/lib/api/client";
import { cents, count } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { utcDay } from "@/lib/time";

type Plan = Schema["Plan"];

interface Props {
  billing: Schema["BillingShown"];
  onClose: () => void;
  /** It was asked for; Stripe tells when it holds. */
  onChanged: () => void;
}

/** Choose another plan; what it costs and would take away is said before. */
export function Plans({ billing, onClose, onChanged }: Props) {
  const [chosen, setChosen] = useState<Plan | null>(null);
  const plans = query.useQuery("get", "/api/v1/plans").data?.data;
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title="Change plan"
      description="More holds at once and is charged in part; less holds from the next period."
    >
      {plans ? (
        <div className="flex flex-col gap-4">
          <ul className="grid gap-3 sm:grid-cols-2">
            {plans.map((plan) => (
              <li key={plan.id}>
                <PlanButton
                  plan={plan}
                  billing={billing}
                  chosen={chosen?.id === plan.id}
                  onChoose={() => setChosen(plan)}
                />
              </li>
            ))}
          </ul>
          {chosen ? (
            <Agreement key={chosen.id} plan={chosen} billing={billing} onClose={onClose} onChanged={onChanged} />
          ) : (
            <p className="text-table text-muted">Choose a plan to see what it costs, now and then.</p>
          )}
        </div>
      ) : (
        <SkeletonRows rows={4} />
      )}
    </Dialog>
  );
}

interface PlanProps {
  plan: Plan;
  billing: Schema["BillingShown"];
  chosen: boolean;
  onChoose: () => void;
}

function PlanButton({ plan, billing, chosen, onChoose }: PlanProps) {
  const mine = plan.id === billing.plan;
  const coming = comingPlan(billing);
  const note = mine ? "your plan" : plan.id === coming ? `from ${utcDay(billing.period.end)}` : null;
  return (
    <button
      type="button"
      aria-pressed={chosen}
      disabled={plan.id === coming || (mine && coming === null && !owes(billing))}
      onClick={onChoose}
      className={classes(
        "w-full rounded-card border p-4 text-left disabled:opacity-60",
        chosen ? "border-accent" : "border-line enabled:hover:bg-raised",
      )}
    >
      <span className="flex justify-between font-semibold">
        {plan.name} <span className="tabular">{cents(plan.price_usd).replace(".00", "")} a month</span>
      </span>
      <span className="mt-1 block text-table text-muted">
        {count(plan.requests_per_month)} requests, {count(plan.tokens_per_month)} tokens,{" "}
        {plan.members === null ? "members without limit" : `${count(plan.members)} members`}
      </span>
      {note ? <span className="text-caption text-faint">{note}</span> : null}
    </button>
  );
}

/** What the chosen plan costs, and the button that says so: there is none to press before that is known. */
function Agreement({ plan, billing, onClose, onChanged }: Props & { plan: Plan }) {
  const org = useOrg();
  const asked = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/billing/change",
    { params: { path: { org: org.slug }, query: { plan: plan.id } } },
    { staleTime: 0 },
  );
  const change = useChange(billing, () => {
    onChanged();
    onClose();
  });
  const refused = change.data;
  if (refused?.url && asked.data?.step === "raise")
    return <Refused message={refused.message ?? ""} url={refused.url} onClose={onClose} />;
  const preview = asked.isFetching || asked.error ? undefined : asked.data;
  return (
    <>
      {asked.isFetching ? <Skeleton className="h-10 w-full" /> : null}
      {preview ? (
        <>
          <p className="font-medium">{costOf(plan.name, preview)}</p>
          <Losses losses={preview.losses} />
        </>
      ) : null}
      <FormError error={change.error ?? asked.error} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          kind="primary"
          busy={change.isPending}
          disabled={!preview?.step}
          onClick={() => preview && change.make(plan.id, seenOf(preview))}
        >
          {actOf(plan.name, preview)}
        </Button>
      </div>
    </>
  );
}

/** What somebody agrees to by pressing. */
function seenOf({ step, instead_of, as_of }: Schema["ChangePreview"]) {
  return { step, instead_of, as_of };
}

/** The card did not pay: why, before somebody finds themselves on an invoice. */
function Refused({ message, url, onClose }: { message: string; url: string; onClose: () => void }) {
  return (
    <>
      <p role="alert" className="rounded-card bg-amber-soft p-3 text-table text-amber">
        {message}
      </p>
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Not now</Button>
        <a href={url} className={buttonClasses("primary")} rel="noreferrer">
          Pay the invoice
        </a>
      </div>
    </>
  );
}

function Losses({ losses }: { losses: readonly string[] }) {
  if (losses.length === 0) return <p className="text-table text-muted">Nothing that you use would be lost.</p>;
  return (
    <div className="rounded-card bg-amber-soft p-3 text-table text-amber">
      <p className="font-medium">What this would take away:</p>
      <ul className="ml-4 list-disc">
        {losses.map((loss) => (
          <li key={loss}>{loss}</li>
        ))}
      </ul>
    </div>
  );
}
