import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Button } from "@/components/button";
import { Facts } from "@/components/card";
import { Dialog } from "@/components/dialog";
import { CheckField, ChoiceField } from "@/components/field";
import { FormError, SkeletonRows } from "@/components/states";
import { useTell } from "@/components/toast";
import { CreditForm } from "@/features/admin/credit_form";
import { query, type Schema } from "@/lib/api/client";
import { cents, count, words } from "@/lib/format";
import { day } from "@/lib/time";

/** One organisation: its use; assign a plan, suspend. All of it is recorded. */
export function OrgDialog({ of: org, onClose }: { of: Schema["AdminOrg"]; onClose: () => void }) {
  const tell = useTell();
  const queries = useQueryClient();
  const params = { params: { path: { org_id: org.id } } };
  const asked = query.queryOptions("get", "/api/v1/admin/orgs/{org_id}", params);
  const detail = useQuery(asked).data;
  const plans = query.useQuery("get", "/api/v1/plans").data?.data ?? [];
  const { plan: assigned, suspended_at } = detail ?? org;
  const suspended = suspended_at !== null;
  const [chosen, setChosen] = useState<string | null>(null);
  const [despite, setDespite] = useState(false);
  const plan = chosen ?? assigned;
  const change = query.useMutation("patch", "/api/v1/admin/orgs/{org_id}", {
    onSuccess: async (changed) => {
      queries.setQueryData(asked.queryKey, changed);
      setChosen(null);
      setDespite(false);
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["get", "/api/v1/admin/orgs"] }),
        queries.invalidateQueries({ queryKey: ["get", "/api/v1/admin/figures"] }),
      ]);
      tell(`${org.name} is changed`);
    },
  });
  const choices = [...plans.map((one) => [one.id, one.name] as const), ["self_hosted", "Self hosted"] as const];
  return (
    <Dialog open onClose={onClose} title={org.name} description={org.id}>
      {detail ? (
        <Facts
          rows={[
            ["Members", count(detail.members)],
            ["Keys", count(detail.keys)],
            ["Requests this month", count(detail.month.requests)],
            ["Tokens this month", count(detail.month.tokens)],
            ["Cost this month", cents(detail.month.cost_usd)],
            ["Credit", cents(detail.credit_usd)],
            ["Subscription", detail.subscription ? subscriptionWords(detail.subscription) : "none"],
          ]}
        />
      ) : (
        <SkeletonRows rows={5} />
      )}
      <div className="mt-4 flex flex-col gap-3">
        <ChoiceField label="Plan" value={plan} choices={choices} onChange={setChosen} />
        {detail?.subscription?.in_force && plan !== assigned ? (
          <CheckField
            label="Assign it despite the subscription"
            hint="It holds until Stripe tells of the subscription next; Self hosted stays, and the subscription is charged on."
            checked={despite}
            onChange={setDespite}
          />
        ) : null}
        <FormError error={change.error} />
        <div className="flex justify-between gap-2">
          <Button
            kind={suspended ? "secondary" : "danger"}
            busy={change.isPending}
            onClick={() => change.mutate({ ...params, body: { suspended: !suspended } })}
          >
            {suspended ? "Lift the suspension" : "Suspend"}
          </Button>
          <Button
            kind="primary"
            busy={change.isPending}
            disabled={plan === assigned}
            onClick={() => change.mutate({ ...params, body: { plan, despite_subscription: despite } })}
          >
            Assign plan
          </Button>
        </div>
      </div>
      {detail ? <CreditForm org={org} /> : null}
    </Dialog>
  );
}

/** Starter, active, paid until 5 Dec 2026 */
function subscriptionWords({ plan, status, period_end, ends_at }: Schema["AdminSubscription"]): string {
  const end = ends_at ? `ends ${day(ends_at)}` : period_end ? `period until ${day(period_end)}` : null;
  return [plan ? words(plan) : "no plan of ours", words(status), end].filter(Boolean).join(", ");
}
