import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { leave } from "@/features/billing/departure";
import { query, type Schema } from "@/lib/api/client";
import { useOrg } from "@/lib/me";
import { typedDollars } from "@/lib/typed";

/** Pays in advance, on a page of Stripe's. */
export function TopUp({ billing }: { billing: Schema["BillingShown"] }) {
  const org = useOrg();
  const [usd, setUsd] = useState("50");
  const buy = query.useMutation("post", "/api/v1/orgs/{org}/billing/credit", {
    onSuccess: (page) => leave(page.url, billing),
  });
  if (!billing.stripe) return null;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    buy.mutate({ params: { path: { org: org.slug } }, body: { usd: typedDollars(usd) ?? "" } });
  };
  return (
    <form className="mt-4 flex flex-col gap-3 border-t border-line pt-4" onSubmit={submit}>
      <div className="flex items-end gap-2">
        <TextField label="Add credit in dollars" inputMode="decimal" required value={usd} onChange={setUsd} />
        <Button type="submit" busy={buy.isPending}>
          Top up
        </Button>
      </div>
      <FormError error={buy.error} />
    </form>
  );
}
