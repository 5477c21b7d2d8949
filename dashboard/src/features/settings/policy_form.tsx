import { useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { AreaField, ChoiceField, TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { query, type Schema } from "@/lib/api/client";
import { isAbout, wordsOf } from "@/lib/api/errors";
import { useMay, useOrg } from "@/lib/me";
import { typedNumber } from "@/lib/typed";

type Logging = Schema["PolicyShown"]["content_logging"];

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

/** What all keys are held to, and what is kept of what they say. */
export function PolicyForm({ of: policy }: { of: Schema["PolicyShown"] }) {
  const org = useOrg();
  const may = useMay("policy:write");
  const tell = useTell();
  const queries = useQueryClient();
  const [models, setModels] = useState((policy.allowed_models ?? []).join("\n"));
  const [most, setMost] = useState(policy.max_prompt_tokens?.toString() ?? "");
  const [blocked, setBlocked] = useState((policy.blocked_words ?? []).join("\n"));
  const [patterns, setPatterns] = useState((policy.blocked_patterns ?? []).join("\n"));
  const [logging, setLogging] = useState<Logging>(policy.content_logging);
  const [days, setDays] = useState(String(policy.content_retention_days));
  const save = query.useMutation("patch", "/api/v1/orgs/{org}/policy", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/policy"] });
      tell("Saved; it holds from the next request on");
    },
  });
  const about = (field: string): string | null => (isAbout(save.error, field) ? wordsOf(save.error) : null);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate({
      params: { path: { org: org.slug } },
      body: {
        allowed_models: models.trim() === "" ? null : lines(models),
        max_prompt_tokens: typedNumber(most),
        blocked_words: lines(blocked),
        blocked_patterns: lines(patterns),
        content_logging: logging,
        content_retention_days: typedNumber(days),
      },
    });
  };
  const buttons = (
    <div className="mt-4 flex flex-col items-start gap-3">
      <FormError error={save.error} />
      {may ? (
        <Button type="submit" busy={save.isPending}>
          Save
        </Button>
      ) : (
        <p className="text-caption text-faint">Admins and owners can change this.</p>
      )}
    </div>
  );
  return (
    <form className="flex flex-col gap-4" onSubmit={submit}>
      <Card title="What keys are held to">
        <div className="grid gap-4 sm:grid-cols-2">
          <AreaField
            label="Allowed models"
            hint="One a line; empty: all."
            disabled={!may}
            value={models}
            onChange={setModels}
            error={about("allowed_models")}
          />
          <TextField
            label="Longest prompt in tokens"
            hint="Empty: as the model can."
            inputMode="numeric"
            disabled={!may}
            value={most}
            onChange={setMost}
            error={about("max_prompt_tokens")}
          />
          <AreaField
            label="Blocked words"
            hint="One a line; a prompt with one of them is refused."
            disabled={!may}
            value={blocked}
            onChange={setBlocked}
            error={about("blocked_words")}
          />
          <AreaField
            label="Blocked patterns"
            hint="One a line, in RE2's syntax."
            disabled={!may}
            value={patterns}
            onChange={setPatterns}
            error={about("blocked_patterns")}
            className="font-mono"
          />
        </div>
        {buttons}
      </Card>
      <Card title="Privacy and retention">
        <div className="grid gap-4 sm:grid-cols-2">
          <ChoiceField
            label="Content logging"
            value={logging}
            choices={LOGGING}
            disabled={!may}
            onChange={setLogging}
            hint="Kept sealed with the organisation's own key. A request with x-llmgateway-retention: none is never kept."
          />
          <TextField
            label="Keep for days"
            inputMode="numeric"
            disabled={!may}
            value={days}
            onChange={setDays}
            error={about("content_retention_days")}
          />
        </div>
        {buttons}
      </Card>
    </form>
  );
}
