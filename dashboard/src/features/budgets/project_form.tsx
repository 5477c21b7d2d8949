import { useQueryClient } from "@tanstack/react-query";
import type { SubmitEvent } from "react";

import { BUDGETS_TOLD, BudgetFields } from "@/components/budget_fields";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { query, type Schema } from "@/lib/api/client";
import { aboutIt } from "@/lib/api/errors";
import { type BudgetDraft, budgetBody, budgetDraftOf } from "@/lib/budgets";
import { changesOf, useEdits } from "@/lib/edits";
import { useOrg } from "@/lib/me";
import { typedNumber } from "@/lib/typed";

const LIMITS = [
  ["requests_per_minute", "Requests a minute"],
  ["requests_per_hour", "Requests an hour"],
  ["requests_per_day", "Requests a day"],
  ["tokens_per_minute", "Tokens a minute"],
  ["concurrency", "At once"],
] as const;

const TOLD = ["name", ...LIMITS.map(([field]) => field), ...BUDGETS_TOLD];

interface Props {
  of?: Schema["ProjectShown"];
  onClose: () => void;
}

type Limit = (typeof LIMITS)[number][0];
type Draft = BudgetDraft & Record<Limit, string> & { name: string };

function draftOf(project: Schema["ProjectShown"] | undefined): Draft {
  const limits = LIMITS.map(([field]) => [field, project?.[field]?.toString() ?? ""]);
  return {
    name: project?.name ?? "",
    ...budgetDraftOf(project?.budgets),
    ...(Object.fromEntries(limits) as Record<Limit, string>),
  };
}

function asBody(draft: Draft) {
  const limits = LIMITS.map(([field]) => [field, typedNumber(draft[field])]);
  return {
    name: draft.name,
    budgets: budgetBody(draft),
    ...(Object.fromEntries(limits) as Record<Limit, number | null>),
  };
}

/** Makes a project, or changes what its keys share. */
export function ProjectForm({ of: project, onClose }: Props) {
  const org = useOrg();
  const queries = useQueryClient();
  const saved = draftOf(project);
  const { draft, type } = useEdits(saved);
  const done = {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/projects"] });
      onClose();
    },
  };
  const make = query.useMutation("post", "/api/v1/orgs/{org}/projects", done);
  const change = query.useMutation("patch", "/api/v1/orgs/{org}/projects/{project_id}", done);
  const work = project ? change : make;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const [path, body] = [{ org: org.slug }, asBody(draft)];
    if (!project) make.mutate({ params: { path }, body });
    else
      change.mutate({
        params: { path: { ...path, project_id: project.id } },
        body: changesOf(asBody(saved), body),
      });
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={project ? `Edit ${project.name}` : "New project"}
      description="Its keys share these limits and budgets."
    >
      <form className="flex flex-col gap-4" onSubmit={submit}>
        <TextField
          label="Name"
          required
          maxLength={100}
          value={draft.name}
          onChange={(name) => type({ name })}
          error={aboutIt(work.error, "name")}
        />
        <BudgetFields draft={draft} onChange={type} error={work.error} />
        <div className="grid grid-cols-2 gap-4">
          {LIMITS.map(([field, title]) => (
            <TextField
              key={field}
              label={title}
              inputMode="numeric"
              value={draft[field]}
              onChange={(value) => type({ [field]: value })}
              error={aboutIt(work.error, field)}
            />
          ))}
        </div>
        <FormError error={work.error} told={TOLD} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={work.isPending}>
            {project ? "Save" : "Make project"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
