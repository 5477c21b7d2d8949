import { ArrowDown, ArrowUp, CircleDollarSign, Plus, Trash2 } from "lucide-react";
import { useId } from "react";

import { Button, IconButton } from "@/components/button";
import { INPUT, TextField } from "@/components/field";
import { NEW_TARGET, type Target } from "@/features/routing/targets";

interface Props {
  targets: readonly Target[];
  onChange: (targets: Target[]) => void;
  weighted: boolean;
  /** Names of models to choose from. */
  known: readonly string[];
  /** What is wrong with one of them. */
  error: string | null;
}

/** The targets of an alias, in their order. */
export function TargetFields({ targets, onChange, weighted, known, error }: Props) {
  const id = useId();
  const put = (place: number, part: Partial<Target>): void =>
    onChange(targets.map((one, at) => (at === place ? { ...one, ...part } : one)));
  const swap = (place: number, other: number): void => {
    const next = [...targets];
    const [a, b] = [next[place], next[other]];
    if (!a || !b) return;
    [next[place], next[other]] = [b, a];
    onChange(next);
  };
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 text-table font-semibold">Targets</legend>
      {targets.map((target, place) => (
        <div key={place} className="flex flex-wrap items-center gap-1">
          <input
            aria-label={`Target ${place + 1}`}
            list={id}
            required
            pattern=".+/.+"
            title="provider/model"
            placeholder="openai/gpt-4.1"
            className={`${INPUT} min-w-0 flex-1`}
            value={target.name}
            onChange={(event) => put(place, { name: event.target.value })}
          />
          {weighted ? (
            <input
              aria-label={`Weight of target ${place + 1}`}
              title="Its weight"
              inputMode="decimal"
              required
              className={`${INPUT} w-20!`}
              value={target.weight}
              onChange={(event) => put(place, { weight: event.target.value })}
            />
          ) : null}
          <IconButton
            label={`Price of target ${place + 1}`}
            aria-expanded={target.price !== null}
            onClick={() => put(place, { price: target.price ? null : { input: "", output: "" } })}
          >
            <CircleDollarSign aria-hidden className="size-4" />
          </IconButton>
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
            onClick={() => onChange(targets.filter((_, at) => at !== place))}
          >
            <Trash2 aria-hidden className="size-4" />
          </IconButton>
          {target.price ? (
            <PriceFields of={target.price} place={place + 1} onChange={(price) => put(place, { price })} />
          ) : null}
        </div>
      ))}
      <datalist id={id}>
        {known.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {error ? (
        <p role="alert" className="text-caption text-red">
          {error}
        </p>
      ) : null}
      <Button
        className="self-start"
        onClick={() => onChange([...targets, NEW_TARGET])}
        icon={<Plus aria-hidden className="size-4" />}
      >
        Add a target
      </Button>
    </fieldset>
  );
}

interface PriceProps {
  of: NonNullable<Target["price"]>;
  place: number;
  onChange: (price: NonNullable<Target["price"]>) => void;
}

/** What a model of the organisation's own costs, where the catalogue does not know. */
function PriceFields({ of: price, place, onChange }: PriceProps) {
  return (
    <div className="appear grid basis-full gap-3 border-l border-line pb-2 pl-3 sm:grid-cols-2">
      <TextField
        label={`Input price of target ${place}`}
        hint="Dollars per million prompt tokens, on your own credential."
        required
        inputMode="decimal"
        placeholder="2.50"
        value={price.input}
        onChange={(input) => onChange({ ...price, input })}
      />
      <TextField
        label={`Output price of target ${place}`}
        hint="Dollars per million completion tokens; empty is 0."
        inputMode="decimal"
        placeholder="10"
        value={price.output}
        onChange={(output) => onChange({ ...price, output })}
      />
    </div>
  );
}
