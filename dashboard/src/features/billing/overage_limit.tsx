import { useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { query, type Schema } from "@/lib/api/client";
import { typable } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { typedDollars } from "@/lib/typed";

/** How much may be spent beyond what the plan includes. */
export function OverageLimit({ billing }: { billing: Schema["BillingShown"] }) {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const [limit, setLimit] = useState(typable(billing.overage_limit_usd));
  const save = query.useMutation("patch", "/api/v1/orgs/{org}/billing", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/billing"] });
      tell("The limit is saved");
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate({ params: { path: { org: org.slug } }, body: { overage_limit_usd: typedDollars(limit) } });
  };
  return (
    <form className="flex flex-col items-start gap-3" onSubmit={submit}>
      <p className="text-muted">
        Past what the plan includes, requests are refused, unless you allow some more here; they go on the next invoice.
      </p>
      <TextField
        label="At most this many dollars a period"
        hint="Empty: nothing beyond the plan. A new limit is for further use; what was used before is charged."
        inputMode="decimal"
        value={limit}
        onChange={setLimit}
      />
      <FormError error={save.error} />
      <Button type="submit" busy={save.isPending} disabled={limit === typable(billing.overage_limit_usd)}>
        Save limit
      </Button>
    </form>
  );
}
