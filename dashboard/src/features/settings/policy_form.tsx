import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode, SubmitEvent } from "react";

import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { AreaField, ChoiceField, TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { query, type Schema } from "@/lib/api/client";
import { aboutIt } from "@/lib/api/errors";
import { changesOf, useEdits } from "@/lib/edits";
import { useMay, useOrg } from "@/lib/me";
import { typedNumber } from "@/lib/typed";

type Policy = Schema["PolicyShown"];
type Logging = Policy["content_logging"];

const LOGGING: readonly (readonly [Logging, string])[] = [
  ["off", "Off: nothing of what is said is kept"],
  ["errors", "Errors: only of requests that failed"],
  ["all", "All requests"],
];

function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/** What all keys are held to, and what is kept of what they say: two cards, each saved by itself. */
export function PolicyForm({ of: policy }: { of: Policy }) {
  return (
    <>
      <Rules of={policy} />
      <Privacy of={policy} />
    </>
  );
}

function usePolicy() {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const save = query.useMutation("patch", "/api/v1/orgs/{org}/policy", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/policy"] });
      tell("Saved; it holds from the next request on");
    },
  });
  return {
    error: save.error,
    busy: save.isPending,
    about: (field: string) => aboutIt(save.error, field),
    save: (body: Schema["PolicyChange"]) => save.mutate({ params: { path: { org: org.slug } }, body }),
  };
}

interface PartProps {
  title: string;
  of: ReturnType<typeof usePolicy>;
  saved: Schema["PolicyChange"];
  /** With what was typed. */
  fields: Schema["PolicyChange"];
  children: ReactNode;
}

/** A card that sends those of its own fields that were changed, and says its own errors. */
function Part({ title, of: { save, error, busy }, saved, fields, children }: PartProps) {
  const may = useMay("policy:write");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    save(changesOf(saved, fields));
  };
  return (
    <Card title={title}>
      <form onSubmit={submit}>
        <div className="grid gap-4 sm:grid-cols-2">{children}</div>
        <div className="mt-4 flex flex-col items-start gap-3">
          <FormError error={error} told={Object.keys(fields)} />
          {may ? (
            <Button type="submit" busy={busy}>
              Save
            </Button>
          ) : (
            <p className="text-caption text-faint">Admins and owners can change this.</p>
          )}
        </div>
      </form>
    </Card>
  );
}

function Rules({ of: policy }: { of: Policy }) {
  const may = useMay("policy:write");
  const part = usePolicy();
  const saved = {
    models: (policy.allowed_models ?? []).join("\n"),
    most: policy.max_prompt_tokens?.toString() ?? "",
    blocked: (policy.blocked_words ?? []).join("\n"),
    patterns: (policy.blocked_patterns ?? []).join("\n"),
  };
  const { draft, type } = useEdits(saved);
  const fields = (from: typeof draft) => ({
    allowed_models: from.models.trim() === "" ? null : lines(from.models),
    max_prompt_tokens: typedNumber(from.most),
    blocked_words: lines(from.blocked),
    blocked_patterns: lines(from.patterns),
  });
  return (
    <Part title="What keys are held to" of={part} saved={fields(saved)} fields={fields(draft)}>
      <AreaField
        label="Allowed models"
        hint="One a line; empty: all."
        disabled={!may}
        value={draft.models}
        onChange={(models) => type({ models })}
        error={part.about("allowed_models")}
      />
      <TextField
        label="Longest prompt in tokens"
        hint="Empty: as the model can."
        inputMode="numeric"
        disabled={!may}
        value={draft.most}
        onChange={(most) => type({ most })}
        error={part.about("max_prompt_tokens")}
      />
      <AreaField
        label="Blocked words"
        hint="One a line; a prompt with one of them is refused."
        disabled={!may}
        value={draft.blocked}
        onChange={(blocked) => type({ blocked })}
        error={part.about("blocked_words")}
      />
      <AreaField
        label="Blocked patterns"
        hint="One a line, in RE2's syntax."
        disabled={!may}
        value={draft.patterns}
        onChange={(patterns) => type({ patterns })}
        error={part.about("blocked_patterns")}
        className="font-mono"
      />
    </Part>
  );
}

function Privacy({ of: policy }: { of: Policy }) {
  const may = useMay("policy:write");
  const part = usePolicy();
  const saved = { logging: policy.content_logging, days: String(policy.content_retention_days) };
  const { draft, type } = useEdits(saved);
  const fields = (from: typeof draft) => ({
    content_logging: from.logging,
    content_retention_days: typedNumber(from.days),
  });
  return (
    <Part title="Privacy and retention" of={part} saved={fields(saved)} fields={fields(draft)}>
      <ChoiceField
        label="Content logging"
        value={draft.logging}
        choices={LOGGING}
        disabled={!may}
        onChange={(logging) => type({ logging })}
        hint="Kept sealed with the organisation's own key. A request with x-llmgateway-retention: none is never kept."
        error={part.about("content_logging")}
      />
      <TextField
        label="Keep for days"
        inputMode="numeric"
        disabled={!may}
        value={draft.days}
        onChange={(days) => type({ days })}
        error={part.about("content_retention_days")}
      />
    </Part>
  );
}
