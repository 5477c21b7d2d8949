import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useId, useState } from "react";

import { Button } from "@/components/button";
import { Choice, INPUT } from "@/components/field";
import { asQuery, OUTCOMES, type RequestSearch, TRAFFIC } from "@/features/requests/filters";
import { useOrg } from "@/lib/me";
import { keysOptions, modelsOptions } from "@/lib/org_queries";
import { RANGES, type Range } from "@/lib/range";

interface Props {
  search: RequestSearch;
  onChange: (next: RequestSearch) => void;
}

const SINCE = [["", "Any time"], ...(Object.entries(RANGES) as [Range, string][])] as const;

/** What the list is narrowed by; all of it stands in the URL. */
export function FilterBar({ search, onChange }: Props) {
  const { slug, permissions } = useOrg();
  const keys = useQuery({ ...keysOptions(slug), enabled: permissions.includes("keys:read") }).data?.data ?? [];
  const models = useQuery({ ...modelsOptions(slug), enabled: permissions.includes("routes:read") }).data?.data ?? [];
  const put = (name: keyof RequestSearch, value: string | boolean): void => {
    const others = Object.fromEntries(Object.entries(search).filter(([other]) => other !== name));
    onChange(value === "" ? others : { ...others, [name]: value });
  };
  const providers = [...new Set(models.filter((one) => one.id.includes("/")).map((one) => one.owned_by))].sort();
  return (
    <form
      aria-label="Filters"
      className="mb-4 flex flex-wrap items-center gap-2"
      onSubmit={(event) => event.preventDefault()}
    >
      <TypedFilter
        key={`model ${search.model ?? ""}`}
        title="Model"
        hint="Model, whole name"
        known={models.map((one) => one.id)}
        value={search.model ?? ""}
        onSet={(value) => put("model", value)}
      />
      <TypedFilter
        key={`tag ${search.tag ?? ""}`}
        title="Tag"
        value={search.tag ?? ""}
        onSet={(value) => put("tag", value)}
      />
      <Choice
        quiet
        aria-label="Provider"
        className="max-w-40!"
        value={search.provider ?? ""}
        choices={withChosen("Any provider", search.provider, providers.map(twice))}
        onChange={(provider) => put("provider", provider)}
      />
      <Choice
        quiet
        aria-label="Key"
        className="max-w-40!"
        value={search.key_id ?? ""}
        choices={withChosen(
          "Any key",
          search.key_id,
          keys.map((key) => [key.id, key.name] as const),
        )}
        onChange={(key) => put("key_id", key)}
      />
      <Choice
        quiet
        aria-label="Outcome"
        value={search.outcome ?? ""}
        choices={OUTCOMES}
        onChange={(outcome) => put("outcome", outcome)}
      />
      <Choice
        quiet
        aria-label="Since"
        value={search.since ?? ""}
        choices={SINCE}
        onChange={(since) => put("since", since)}
      />
      <Choice
        quiet
        aria-label="Traffic"
        value={trafficOf(search)}
        choices={TRAFFIC}
        onChange={(test) => put("test", test && test === "test")}
      />
      {Object.keys(asQuery(search)).length > 0 ? (
        <Button kind="ghost" onClick={() => onChange({})} icon={<X aria-hidden className="size-4" />}>
          Clear
        </Button>
      ) : null}
    </form>
  );
}

function trafficOf({ test }: RequestSearch): "" | "live" | "test" {
  if (test === undefined) return "";
  return test ? "test" : "live";
}

function twice(name: string): readonly [string, string] {
  return [name, name];
}

/** The choices, and what the URL says where it is none of them. */
function withChosen(any: string, chosen: string | undefined, known: readonly (readonly [string, string])[]) {
  const missing = chosen && !known.some(([id]) => id === chosen) ? [twice(chosen)] : [];
  return [["", any] as const, ...missing, ...known];
}

interface TypedProps {
  title: string;
  hint?: string;
  value: string;
  /** Names to choose from; one of them counts as soon as it stands there. */
  known?: readonly string[];
  onSet: (value: string) => void;
}

function TypedFilter({ title, hint, value, known = [], onSet }: TypedProps) {
  const id = useId();
  const [text, setText] = useState(value);
  const set = (next: string): void => {
    if (next.trim() !== value) onSet(next.trim());
  };
  return (
    <>
      <input
        aria-label={title}
        placeholder={hint ?? title}
        title={hint}
        list={id}
        className={`${INPUT} ${hint ? "w-44!" : "w-28!"} text-table!`}
        value={text}
        onChange={(event) => {
          const next = event.target.value;
          setText(next);
          const wasChosen = (event.nativeEvent as InputEvent).inputType !== "insertText";
          if (wasChosen && known.includes(next)) set(next);
        }}
        onBlur={() => set(text)}
        onKeyDown={(event) => event.key === "Enter" && set(text)}
      />
      <datalist id={id}>
        {known.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </>
  );
}
