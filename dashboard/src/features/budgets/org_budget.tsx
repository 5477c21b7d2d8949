import { useQueryClient } from "@tanstack/react-query";
import type { SubmitEvent } from "react";

import { BUDGETS_TOLD, BudgetFields } from "@/components/budget_fields";
import { Button } from "@/components/button";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { Meters } from "@/features/budgets/meters";
import type { Known } from "@/features/budgets/spending";
import { query, type Schema } from "@/lib/api/client";
import { budgetBody, budgetDraftOf, type Span } from "@/lib/budgets";
import { changesOf, useEdits } from "@/lib/edits";
import { useMay, useOrg } from "@/lib/me";

interface Props {
  org: Schema["OrgShown"];
  spent: (span: Span) => Known;
}

/** What the organisation as a whole may spend. */
export function OrgBudget({ org: shown, spent }: Props) {
  const org = useOrg();
  const may = useMay("org:write");
  const tell = useTell();
  const queries = useQueryClient();
  const saved = budgetDraftOf(shown.budgets);
  const { draft, type, clear } = useEdits(saved);
  const changes = changesOf(budgetBody(saved), budgetBody(draft));
  const save = query.useMutation("patch", "/api/v1/orgs/{org}", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}"] });
      clear();
      tell("The budgets are saved; they hold from the next request on");
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate({ params: { path: { org: org.slug } }, body: { budgets: changes } });
  };
  return (
    <div className="grid gap-6 sm:grid-cols-2">
      <div>
        <p className="mb-2 text-table text-muted">Spent, by UTC days and months</p>
        <Meters spent={spent} budgets={shown.budgets} name="Organisation" />
      </div>
      {may ? (
        <form className="flex flex-col gap-3" onSubmit={submit}>
          <BudgetFields draft={draft} onChange={type} error={save.error} />
          <FormError error={save.error} told={BUDGETS_TOLD} />
          <Button
            type="submit"
            className="self-start"
            busy={save.isPending}
            disabled={Object.keys(changes).length === 0}
          >
            Save budgets
          </Button>
        </form>
      ) : (
        <p className="text-muted">Admins and owners can set it.</p>
      )}
    </div>
  );
}
