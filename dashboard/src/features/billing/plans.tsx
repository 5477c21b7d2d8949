import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Button } from "@/components/button";
import { classes } from "@/components/classes";
import { Dialog } from "@/components/dialog";
import { FormError, SkeletonRows } from "@/components/states";
import { useTell } from "@/components/toast";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { day } from "@/lib/time";

interface Props {
  billing: Schema["BillingShown"];
  onClose: () => void;
  /** It was asked for; Stripe tells when it holds. */
  onChanged: () => void;
}

/** Choose another plan; what it would take away is said before. */
export function Plans({ billing, onClose, onChanged }: Props) {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const path = { org: org.slug };
  const [chosen, setChosen] = useState<string | null>(null);
  const plans = query.useQuery("get", "/api/v1/plans").data?.data;
  const preview = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/billing/change",
    { params: { path, query: { plan: chosen ?? "" } } },
    { enabled: chosen !== null },
  );
  const buy = query.useMutation("post", "/api/v1/orgs/{org}/billing/checkout", {
    onSuccess: async (change) => {
      if (change.url) {
        window.location.assign(change.url);
        return;
      }
      await queries.invalidateQueries();
      tell(change.effective_at ? `The plan changes on ${day(change.effective_at)}` : "The plan is changed");
      onChanged();
      onClose();
    },
  });
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
                <button
                  type="button"
                  aria-pressed={chosen === plan.id}
                  disabled={plan.id === billing.plan}
                  onClick={() => setChosen(plan.id)}
                  className={classes(
                    "w-full rounded-card border p-4 text-left disabled:opacity-60",
                    chosen === plan.id ? "border-accent" : "border-line hover:bg-raised",
                  )}
                >
                  <span className="flex justify-between font-semibold">
                    {plan.name} <span className="tabular">{dollars(plan.price_usd).replace(".00", "")} a month</span>
                  </span>
                  <span className="mt-1 block text-table text-muted">
                    {count(plan.requests_per_month)} requests, {count(plan.tokens_per_month)} tokens,{" "}
                    {plan.members === null ? "members without limit" : `${count(plan.members)} members`}
                  </span>
                  {plan.id === billing.plan ? <span className="text-caption text-faint">your plan</span> : null}
                </button>
              </li>
            ))}
          </ul>
          {chosen && preview.data ? <Losses losses={preview.data.losses} /> : null}
          <FormError error={buy.error ?? preview.error} />
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>Cancel</Button>
            <Button
              kind="primary"
              busy={buy.isPending}
              disabled={!chosen}
              onClick={() => chosen && buy.mutate({ params: { path }, body: { plan: chosen } })}
            >
              Go on
            </Button>
          </div>
        </div>
      ) : (
        <SkeletonRows rows={4} />
      )}
    </Dialog>
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
