import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useState } from "react";

import { Button } from "@/components/button";
import { Choice, INPUT } from "@/components/field";
import { asQuery, OUTCOMES, type RequestSearch } from "@/features/requests/filters";
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
    onChange(value === "" || value === false ? others : { ...others, [name]: value });
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
        list="request-models"
        value={search.model ?? ""}
        onSet={(value) => put("model", value)}
      />
      <datalist id="request-models">
        {models.map((one) => (
          <option key={one.id} value={one.id} />
        ))}
      </datalist>
      <TypedFilter
        key={`tag ${search.tag ?? ""}`}
        title="Tag"
        value={search.tag ?? ""}
        onSet={(value) => put("tag", value)}
      />
      <Choice
        quiet
        aria-label="Provider"
        value={search.provider ?? ""}
        choices={withChosen("Any provider", search.provider, providers.map(twice))}
        onChange={(provider) => put("provider", provider)}
      />
      <Choice
        quiet
        aria-label="Key"
        className="max-w-44"
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
        value={search.test ? "test" : ""}
        choices={[
          ["", "All keys"],
          ["test", "Test keys"],
        ]}
        onChange={(test) => put("test", test === "test")}
      />
      {Object.keys(asQuery(search)).length > 0 ? (
        <Button kind="ghost" onClick={() => onChange({})} icon={<X aria-hidden className="size-4" />}>
          Clear
        </Button>
      ) : null}
    </form>
  );
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
  value: string;
  list?: string;
  onSet: (value: string) => void;
}

function TypedFilter({ title, value, list, onSet }: TypedProps) {
  const [text, setText] = useState(value);
  return (
    <input
      aria-label={title}
      placeholder={title}
      list={list}
      className={`${INPUT} w-32! text-table!`}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => text !== value && onSet(text.trim())}
      onKeyDown={(event) => event.key === "Enter" && onSet(text.trim())}
    />
  );
}
