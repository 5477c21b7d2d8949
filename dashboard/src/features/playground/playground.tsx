import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Play, Square } from "lucide-react";
import { type SubmitEvent, useRef, useState } from "react";

import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { AreaField, CheckField, TextField } from "@/components/field";
import { Snippets } from "@/components/snippets";
import { Forbidden, FormError } from "@/components/states";
import { ask, type Told } from "@/features/playground/ask";
import { bodyOf, type Draft, EMPTY } from "@/features/playground/draft";
import { ImagePicker } from "@/features/playground/image_picker";
import { playgroundKey } from "@/features/playground/key";
import { Outcome, Trouble } from "@/features/playground/outcome";
import { useMay, useOrg } from "@/lib/me";
import { modelsOptions } from "@/lib/org_queries";

const ANSWER =
  "Ask any model your organisation may use. It is a real request: limited, metered and listed like every other.";

/** Ask any model that the organisation may use, as an application would. */
export function Playground() {
  const may = useMay("keys:create");
  return (
    <>
      <PageHead title="Playground" answer={ANSWER} />
      {may ? (
        <Desk />
      ) : (
        <Forbidden>It asks with a key of your own, and your role makes none. Members, admins and owners can.</Forbidden>
      )}
    </>
  );
}

function Desk() {
  const org = useOrg();
  const navigate = useNavigate();
  const { model } = useSearch({ strict: false });
  const [draft, setDraft] = useState<Draft>({
    ...EMPTY,
    model: model ?? "sandbox/chat",
    prompt: "Say hello in five languages.",
  });
  const [told, setTold] = useState<Told | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController | null>(null);
  const models = useQuery(modelsOptions(org.slug)).data?.data ?? [];
  const set = (part: Partial<Draft>): void => setDraft({ ...draft, ...part });
  /** The URL names the model that stands in the form. */
  const name = (): void => {
    if (draft.model !== model) void navigate({ to: ".", search: { model: draft.model }, replace: true });
  };
  const send = async (): Promise<void> => {
    name();
    const stop = new AbortController();
    running.current = stop;
    setBusy(true);
    setTold(null);
    setFailure(null);
    try {
      const body = bodyOf(draft);
      setTold(await ask(await playgroundKey(org.slug), body, stop.signal, setTold));
    } catch (error) {
      if (!stop.signal.aborted) setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void send();
  };
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card title="Request">
        <form className="flex flex-col gap-4" onSubmit={submit}>
          <TextField
            label="Model"
            list="playground-models"
            required
            value={draft.model}
            onChange={(value) => set({ model: value })}
            onBlur={name}
          />
          <datalist id="playground-models">
            {models.map((one) => (
              <option key={one.id} value={one.id} />
            ))}
          </datalist>
          <AreaField label="System" rows={2} value={draft.system} onChange={(system) => set({ system })} />
          <AreaField label="Prompt" rows={5} required value={draft.prompt} onChange={(prompt) => set({ prompt })} />
          <ImagePicker images={draft.images} onChange={(images) => set({ images })} />
          <div className="grid grid-cols-2 gap-4">
            <TextField
              label="Temperature"
              inputMode="decimal"
              value={draft.temperature}
              onChange={(temperature) => set({ temperature })}
            />
            <TextField
              label="Longest answer, tokens"
              inputMode="numeric"
              value={draft.maxTokens}
              onChange={(maxTokens) => set({ maxTokens })}
            />
          </div>
          <details>
            <summary className="cursor-pointer text-table font-medium">Tools and structured output</summary>
            <div className="mt-3 flex flex-col gap-4">
              <AreaField
                label="Tools"
                hint="A JSON list, as OpenAI takes it."
                className="font-mono"
                value={draft.tools}
                onChange={(tools) => set({ tools })}
              />
              <AreaField
                label="JSON schema of the answer"
                className="font-mono"
                value={draft.schema}
                onChange={(schema) => set({ schema })}
              />
            </div>
          </details>
          <CheckField label="Stream" checked={draft.stream} onChange={(stream) => set({ stream })} />
          <div className="flex gap-2">
            <Button kind="primary" type="submit" busy={busy} icon={<Play aria-hidden className="size-4" />}>
              Send
            </Button>
            {busy ? (
              <Button onClick={() => running.current?.abort()} icon={<Square aria-hidden className="size-4" />}>
                Stop
              </Button>
            ) : null}
          </div>
        </form>
      </Card>
      <div className="flex min-w-0 flex-col gap-4">
        <Card title="Answer">
          {failure ? <Trouble error={failure} /> : null}
          {told ? (
            <Outcome told={told} done={!busy} />
          ) : failure ? null : (
            <p className="text-muted">
              {busy ? "Waiting for the first token …" : "The answer appears here, with its cost and speed."}
            </p>
          )}
        </Card>
        <Card title="Copy as">
          <CopyAs draft={draft} />
        </Card>
      </div>
    </div>
  );
}

/** What the form says is said in OpenAI's words. */
const OPENAI = ["curl", "python", "node"] as const;

function CopyAs({ draft }: { draft: Draft }) {
  let body: Record<string, unknown>;
  try {
    body = bodyOf(draft);
  } catch (error) {
    return <FormError error={error} />;
  }
  return <Snippets languages={OPENAI} sample={{ base: window.location.origin, key: null, body }} />;
}
