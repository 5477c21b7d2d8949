import { ArrowDown, ArrowUp, Plus, Trash2 } from "lucide-react";
import { useId } from "react";

import { Button, IconButton } from "@/components/button";
import { INPUT } from "@/components/field";

/** As it was typed. */
export interface Target {
  name: string;
  weight: string;
}

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
        <div key={place} className="flex items-center gap-1">
          <input
            aria-label={`Target ${place + 1}`}
            list={id}
            required
            pattern=".+/.+"
            title="provider/model"
            placeholder="openai/gpt-4.1"
            className={INPUT}
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
        onClick={() => onChange([...targets, { name: "", weight: "1" }])}
        icon={<Plus aria-hidden className="size-4" />}
      >
        Add a target
      </Button>
    </fieldset>
  );
}
