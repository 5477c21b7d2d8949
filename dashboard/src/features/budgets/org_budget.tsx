import { useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { Meter } from "@/features/budgets/meter";
import { query, type Schema } from "@/lib/api/client";
import { typable } from "@/lib/format";
import { useMay, useOrg } from "@/lib/me";
import { typedDollars } from "@/lib/typed";

/** What the organisation as a whole may spend in a month. */
export function OrgBudget({ org: shown, spent }: { org: Schema["OrgShown"]; spent: number }) {
  const org = useOrg();
  const may = useMay("org:write");
  const tell = useTell();
  const queries = useQueryClient();
  const [budget, setBudget] = useState(typable(shown.monthly_budget_usd));
  const save = query.useMutation("patch", "/api/v1/orgs/{org}", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}"] });
      tell("The budget is saved; it holds from the next request on");
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate({ params: { path: { org: org.slug } }, body: { monthly_budget_usd: typedDollars(budget) } });
  };
  return (
    <div className="grid gap-6 sm:grid-cols-2">
      <div>
        <p className="mb-2 text-table text-muted">Spent this month (UTC)</p>
        <Meter spent={spent} budget={shown.monthly_budget_usd} name="Organisation" />
      </div>
      {may ? (
        <form className="flex flex-col gap-3" onSubmit={submit}>
          <TextField
            label="Budget a month in dollars"
            hint="Empty: none. Requests beyond it are refused with 402 until the month ends."
            inputMode="decimal"
            value={budget}
            onChange={setBudget}
          />
          <FormError error={save.error} />
          <Button
            type="submit"
            className="self-start"
            busy={save.isPending}
            disabled={budget === typable(shown.monthly_budget_usd)}
          >
            Save budget
          </Button>
        </form>
      ) : (
        <p className="text-muted">Admins and owners can set it.</p>
      )}
    </div>
  );
}
