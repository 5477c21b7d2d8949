import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Button } from "@/components/button";
import { Facts } from "@/components/card";
import { Dialog } from "@/components/dialog";
import { ChoiceField } from "@/components/field";
import { FormError, SkeletonRows } from "@/components/states";
import { useTell } from "@/components/toast";
import { CreditForm } from "@/features/admin/credit_form";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars } from "@/lib/format";

/** One organisation: its use; assign a plan, suspend. All of it is recorded. */
export function OrgDialog({ of: org, onClose }: { of: Schema["AdminOrg"]; onClose: () => void }) {
  const tell = useTell();
  const queries = useQueryClient();
  const params = { params: { path: { org_id: org.id } } };
  const detail = query.useQuery("get", "/api/v1/admin/orgs/{org_id}", params).data;
  const plans = query.useQuery("get", "/api/v1/plans").data?.data ?? [];
  const [plan, setPlan] = useState(org.plan);
  const [suspended, setSuspended] = useState(org.suspended_at !== null);
  const change = query.useMutation("patch", "/api/v1/admin/orgs/{org_id}", {
    onSuccess: async (_, { body }) => {
      if (typeof body.suspended === "boolean") setSuspended(body.suspended);
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/admin/orgs"] });
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
            ["Cost this month", dollars(detail.month.cost_usd)],
            ["Credit", dollars(detail.credit_usd)],
          ]}
        />
      ) : (
        <SkeletonRows rows={5} />
      )}
      <div className="mt-4 flex flex-col gap-3">
        <ChoiceField label="Plan" value={plan} choices={choices} onChange={setPlan} />
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
            disabled={plan === org.plan}
            onClick={() => change.mutate({ ...params, body: { plan } })}
          >
            Assign plan
          </Button>
        </div>
      </div>
      <CreditForm org={org} />
    </Dialog>
  );
}
