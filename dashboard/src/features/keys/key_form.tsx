import { useQuery } from "@tanstack/react-query";
import { type SubmitEvent, type ReactNode, useState } from "react";

import { BUDGETS_TOLD, BudgetFields } from "@/components/budget_fields";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { CheckField, ChoiceField, TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { asBody, type Draft, draftOf, SCOPES } from "@/features/keys/draft";
import { query, type Schema } from "@/lib/api/client";
import { aboutIt } from "@/lib/api/errors";
import { useOrg } from "@/lib/me";
import { projectsOptions } from "@/lib/org_queries";

interface Props {
  /** The key that is changed; a new one without. */
  of?: Schema["KeyShown"];
  onClose: () => void;
  /** With the secret of a new key. */
  onDone: (secret?: string) => void;
}

/** Makes a key, or changes what it may do. */
export function KeyForm({ of: key, onClose, onDone }: Props) {
  const org = useOrg();
  const [draft, setDraft] = useState<Draft>(() => draftOf(key));
  const make = query.useMutation("post", "/api/v1/orgs/{org}/keys", { onSuccess: (made) => onDone(made.key) });
  const change = query.useMutation("patch", "/api/v1/orgs/{org}/keys/{key_id}", { onSuccess: () => onDone() });
  const projects = useQuery(projectsOptions(org.slug)).data?.data ?? [];
  const work = key ? change : make;
  const set = (part: Partial<Draft>): void => setDraft({ ...draft, ...part });
  const text = (name: keyof Draft) => ({
    value: String(draft[name]),
    onChange: (value: string) => set({ [name]: value }),
    error: aboutIt(work.error, ABOUT[name] ?? name),
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (key) change.mutate({ params: { path: { org: org.slug, key_id: key.id } }, body: asBody(draft) });
    else
      make.mutate({
        params: { path: { org: org.slug } },
        body: { ...asBody(draft), name: draft.name, test: draft.test },
      });
  };
  return (
    <Dialog open wide onClose={onClose} title={key ? `Edit ${key.name}` : "New key"}>
      <form className="flex flex-col gap-5" onSubmit={submit}>
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField label="Name" required maxLength={100} hint="The application that uses it." {...text("name")} />
          <ChoiceField
            label="Project"
            value={draft.project}
            choices={[["", "None"], ...projects.map((one) => [one.id, one.name] as const)]}
            onChange={(project) => set({ project })}
          />
        </div>
        {key ? null : (
          <CheckField
            label="Test key"
            hint="Reaches the sandbox model and its faults alone; costs nothing."
            checked={draft.test}
            onChange={(test) => set({ test })}
          />
        )}
        <Group title="Limits" hint="Empty: the plan's default.">
          <TextField label="Requests a minute" inputMode="numeric" {...text("minute")} />
          <TextField label="Requests an hour" inputMode="numeric" {...text("hour")} />
          <TextField label="Requests a day" inputMode="numeric" {...text("day")} />
          <TextField label="Tokens a minute" inputMode="numeric" {...text("tokens")} />
          <TextField label="At once" inputMode="numeric" {...text("concurrency")} />
        </Group>
        <BudgetFields draft={draft} onChange={set} error={work.error} />
        <Group title="What it may do" hint="Lists are separated by commas; empty: all.">
          <TextField label="Models" placeholder="smart, openai/gpt-4.1" {...text("models")} />
          <TextField label="Providers" placeholder="openai, anthropic" {...text("providers")} />
          <TextField label="Address ranges" placeholder="10.0.0.0/8" {...text("addresses")} />
          <TextField label="Tags" placeholder="team:search" {...text("tags")} />
          <TextField label="Expires" type="date" {...text("expires")} />
          <TextField label="Cache answers for seconds" inputMode="numeric" hint="0: never." {...text("cache")} />
        </Group>
        <fieldset className="flex flex-wrap gap-x-5 gap-y-2">
          <legend className="mb-2 text-table font-semibold">Endpoints</legend>
          {SCOPES.map((scope) => (
            <CheckField
              key={scope}
              label={scope}
              checked={draft.scopes.includes(scope)}
              onChange={(on) =>
                set({ scopes: on ? [...draft.scopes, scope] : draft.scopes.filter((one) => one !== scope) })
              }
            />
          ))}
        </fieldset>
        <FormError error={work.error} told={TOLD} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={work.isPending}>
            {key ? "Save" : "Make key"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Fields of the API that a field of the form is about, where they are called otherwise. */
const ABOUT: Partial<Record<keyof Draft, string>> = {
  minute: "requests_per_minute",
  hour: "requests_per_hour",
  day: "requests_per_day",
  tokens: "tokens_per_minute",
  models: "allowed_models",
  providers: "allowed_providers",
  addresses: "allowed_addresses",
  expires: "expires_at",
  cache: "cache_seconds",
};

const TOLD = ["name", "tags", ...Object.values(ABOUT), ...BUDGETS_TOLD];

function Group({ title, hint, children }: { title: string; hint: string; children: ReactNode }) {
  return (
    <fieldset>
      <legend className="mb-2 text-table font-semibold">
        {title} <span className="font-normal text-faint">{hint}</span>
      </legend>
      <div className="grid grid-cols-2 gap-4 sm:grid-cols-3">{children}</div>
    </fieldset>
  );
}
