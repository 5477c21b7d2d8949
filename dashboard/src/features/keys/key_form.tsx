import { useQuery } from "@tanstack/react-query";
import type { SubmitEvent, ReactNode } from "react";

import { BUDGETS_TOLD, BudgetFields } from "@/components/budget_fields";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { CheckField, ChoiceField, TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { asBody, type Draft, draftOf, SCOPES } from "@/features/keys/draft";
import { heldIn, heldWords } from "@/features/keys/held";
import { query, type Schema } from "@/lib/api/client";
import { aboutIt } from "@/lib/api/errors";
import { changesOf, useEdits } from "@/lib/edits";
import { count } from "@/lib/format";
import { useMay, useOrg } from "@/lib/me";
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
  const plan = query.useQuery("get", "/api/v1/orgs/{org}", { params: { path: { org: org.slug } } }).data;
  const saved = draftOf(key, plan?.key_rates);
  const { draft, type: set } = useEdits(saved);
  const held = heldIn(key, useMay("keys:manage"));
  const make = query.useMutation("post", "/api/v1/orgs/{org}/keys", { onSuccess: (made) => onDone(made.key) });
  const change = query.useMutation("patch", "/api/v1/orgs/{org}/keys/{key_id}", { onSuccess: () => onDone() });
  const projects = useQuery(projectsOptions(org.slug)).data?.data ?? [];
  const work = key ? change : make;
  const text = (name: keyof Draft, hint?: string) => {
    const field = ABOUT[name] ?? name;
    return {
      value: String(draft[name]),
      onChange: (value: string) => set({ [name]: value }),
      error: aboutIt(work.error, field),
      hint: held.has(field) ? heldWords(field) : hint,
    };
  };
  const rate = (name: keyof Draft, field: keyof Schema["RateLimits"]) => ({
    ...text(name, plan?.rates[field] ? `All keys together: ${count(plan.rates[field])}.` : undefined),
    placeholder: plan?.key_rates[field] ? count(plan.key_rates[field]) : undefined,
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (key)
      change.mutate({
        params: { path: { org: org.slug, key_id: key.id } },
        body: changesOf(asBody(saved), asBody(draft)),
      });
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
          <TextField label="Name" required maxLength={100} {...text("name", "The application that uses it.")} />
          <ChoiceField
            label="Project"
            value={draft.project}
            choices={[["", "None"], ...projects.map((one) => [one.id, one.name] as const)]}
            onChange={(project) => set({ project })}
            disabled={held.has("project_id")}
            hint={held.has("project_id") ? heldWords("project_id") : undefined}
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
        <Group title="Limits" hint={limitsHint(plan?.key_rates)}>
          <TextField label="Requests a minute" {...rate("minute", "requests_per_minute")} />
          <TextField label="Requests an hour" {...rate("hour", "requests_per_hour")} />
          <TextField label="Requests a day" {...rate("day", "requests_per_day")} />
          <TextField label="Tokens a minute" inputMode="numeric" {...text("tokens")} />
          <TextField label="At once" inputMode="numeric" {...text("concurrency")} />
        </Group>
        <BudgetFields draft={draft} onChange={set} error={work.error} held={held} />
        <Group title="What it may do" hint="Lists are separated by commas; empty: all.">
          <TextField label="Models" placeholder="smart, openai/gpt-4.1" {...text("models")} />
          <TextField label="Providers" placeholder="openai, anthropic" {...text("providers")} />
          <TextField label="Address ranges" placeholder="10.0.0.0/8" {...text("addresses")} />
          <TextField label="Tags" placeholder="team:search" {...text("tags")} />
          <TextField label="Expires" type="date" {...text("expires")} />
          <TextField label="Cache answers for seconds" inputMode="numeric" {...text("cache", "0: never.")} />
        </Group>
        <fieldset className="flex flex-wrap gap-x-5 gap-y-2">
          <legend className="mb-2 text-table font-semibold">
            Endpoints{" "}
            {held.has("scopes") ? <span className="font-normal text-faint">{heldWords("scopes")}</span> : null}
          </legend>
          {SCOPES.map((scope) => (
            <CheckField
              key={scope}
              label={scope}
              checked={draft.scopes.includes(scope)}
              disabled={held.has("scopes") && !saved.scopes.includes(scope)}
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

/** What an empty field means: a key has the plan's numbers, which stand in it. */
function limitsHint(usual: Schema["RateLimits"] | undefined): string {
  const isGiven = usual && Object.values(usual).some((one) => one !== null);
  return isGiven ? "Empty: the plan's default for a key. none: no limit of its own." : "Empty: none of its own.";
}

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
