import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ArrowDown, ArrowUp, Plus, Trash2 } from "lucide-react";
import { type SubmitEvent, useState } from "react";

import { Button, IconButton } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { ChoiceField, INPUT, TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { query, type Schema } from "@/lib/api/client";
import { useOrg } from "@/lib/me";
import { modelsOptions } from "@/lib/org_queries";
import { typedNumber } from "@/lib/typed";

type Strategy = Schema["RouteShown"]["strategy"];

const STRATEGIES: readonly (readonly [Strategy, string])[] = [
  ["priority", "Priority: in this order"],
  ["weighted", "Weighted: by their weights"],
  ["cheapest", "Cheapest first"],
  ["fastest", "Fastest first"],
];

interface Target {
  name: string;
  weight: string;
}

interface Props {
  of?: Schema["RouteShown"];
  onClose: () => void;
}

/** Makes an alias, or changes what it stands for. */
export function RouteForm({ of: route, onClose }: Props) {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const [alias, setAlias] = useState(route?.alias ?? "");
  const [strategy, setStrategy] = useState<Strategy>(route?.strategy ?? "priority");
  const [retries, setRetries] = useState(route?.retries?.toString() ?? "");
  const [targets, setTargets] = useState<Target[]>(
    () =>
      route?.targets.map((one) => ({ name: `${one.provider}/${one.model}`, weight: String(one.weight) })) ?? [
        { name: "", weight: "1" },
      ],
  );
  const models = useQuery(modelsOptions(org.slug)).data?.data ?? [];
  const save = query.useMutation("put", "/api/v1/orgs/{org}/routes/{alias}", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/routes"] });
      await queries.invalidateQueries({ queryKey: modelsOptions(org.slug).queryKey });
      tell(`${alias} is saved; it holds from the next request on`);
      onClose();
    },
  });
  const put = (place: number, part: Partial<Target>): void =>
    setTargets(targets.map((one, at) => (at === place ? { ...one, ...part } : one)));
  const swap = (place: number, other: number): void => {
    const next = [...targets];
    const [a, b] = [next[place], next[other]];
    if (!a || !b) return;
    [next[place], next[other]] = [b, a];
    setTargets(next);
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate({
      params: { path: { org: org.slug, alias } },
      body: {
        strategy,
        retries: typedNumber(retries),
        targets: targets.map(({ name, weight }) => {
          const [provider = "", ...rest] = name.trim().split("/");
          return { provider, model: rest.join("/"), weight: typedNumber(weight) ?? 1 };
        }),
        timeouts: route?.timeouts ?? {},
      },
    });
  };
  return (
    <Dialog open wide onClose={onClose} title={route ? `Edit ${route.alias}` : "New alias"}>
      <form className="flex flex-col gap-4" onSubmit={submit}>
        <div className="grid gap-4 sm:grid-cols-3">
          <TextField
            label="Alias"
            required
            disabled={route !== undefined}
            placeholder="smart"
            value={alias}
            onChange={setAlias}
          />
          <ChoiceField label="Strategy" value={strategy} choices={STRATEGIES} onChange={setStrategy} />
          <TextField
            label="Retries"
            hint="Empty: the gateway's."
            inputMode="numeric"
            value={retries}
            onChange={setRetries}
          />
        </div>
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-1 text-table font-semibold">Targets</legend>
          {targets.map((target, place) => (
            <div key={place} className="flex items-center gap-1">
              <input
                aria-label={`Target ${place + 1}`}
                list="targets"
                required
                pattern=".+/.+"
                title="provider/model"
                placeholder="openai/gpt-4.1"
                className={INPUT}
                value={target.name}
                onChange={(event) => put(place, { name: event.target.value })}
              />
              {strategy === "weighted" ? (
                <input
                  aria-label={`Weight of target ${place + 1}`}
                  inputMode="decimal"
                  required
                  className={`${INPUT} w-20!`}
                  value={target.weight}
                  onChange={(event) => put(place, { weight: event.target.value })}
                />
              ) : null}
              <IconButton
                label={`Move target ${place + 1} up`}
                disabled={place === 0}
                onClick={() => swap(place, place - 1)}
              >
                <ArrowUp aria-hidden className="size-4" />
              </IconButton>
              <IconButton
                label={`Move target ${place + 1} down`}
                disabled={place === targets.length - 1}
                onClick={() => swap(place, place + 1)}
              >
                <ArrowDown aria-hidden className="size-4" />
              </IconButton>
              <IconButton
                label={`Take target ${place + 1} out`}
                disabled={targets.length === 1}
                onClick={() => setTargets(targets.filter((_, at) => at !== place))}
              >
                <Trash2 aria-hidden className="size-4" />
              </IconButton>
            </div>
          ))}
          <datalist id="targets">
            {models
              .filter((one) => one.id.includes("/"))
              .map((one) => (
                <option key={one.id} value={one.id} />
              ))}
          </datalist>
          <Button
            className="self-start"
            onClick={() => setTargets([...targets, { name: "", weight: "1" }])}
            icon={<Plus aria-hidden className="size-4" />}
          >
            Add a target
          </Button>
        </fieldset>
        <FormError error={save.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={save.isPending}>
            Save alias
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
