import { useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { BUDGETS_TOLD, BudgetFields } from "@/components/budget_fields";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { query, type Schema } from "@/lib/api/client";
import { aboutIt } from "@/lib/api/errors";
import { budgetBody, budgetDraftOf } from "@/lib/budgets";
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

/** Makes a project, or changes what its keys share. */
export function ProjectForm({ of: project, onClose }: Props) {
  const org = useOrg();
  const queries = useQueryClient();
  const [name, setName] = useState(project?.name ?? "");
  const [budgets, setBudgets] = useState(() => budgetDraftOf(project?.budgets));
  const [limits, setLimits] = useState<Record<string, string>>(() =>
    Object.fromEntries(LIMITS.map(([field]) => [field, project?.[field]?.toString() ?? ""])),
  );
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
    const numbers = Object.fromEntries(LIMITS.map(([field]) => [field, typedNumber(limits[field] ?? "")]));
    const body = { name, budgets: budgetBody(budgets), ...numbers };
    if (project) change.mutate({ params: { path: { org: org.slug, project_id: project.id } }, body });
    else make.mutate({ params: { path: { org: org.slug } }, body });
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
          value={name}
          onChange={setName}
          error={aboutIt(work.error, "name")}
        />
        <BudgetFields draft={budgets} onChange={(part) => setBudgets({ ...budgets, ...part })} error={work.error} />
        <div className="grid grid-cols-2 gap-4">
          {LIMITS.map(([field, title]) => (
            <TextField
              key={field}
              label={title}
              inputMode="numeric"
              value={limits[field] ?? ""}
              onChange={(value) => setLimits({ ...limits, [field]: value })}
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
