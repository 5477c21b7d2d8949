import { useQuery } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { CopyButton } from "@/components/copy";
import { Choice, INPUT } from "@/components/field";
import { Empty, Failure, SkeletonRows } from "@/components/states";
import { DataTable } from "@/components/table";
import type { Schema } from "@/lib/api/client";
import { count, dollars, tokenPriceWords, words } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { modelsOptions } from "@/lib/org_queries";
import { useTokenPrice } from "@/lib/token_price";

type Model = Schema["ModelShown"];

const FIRST = 100;

interface ModelSearch {
  q?: string;
  ability?: string;
}

function price(model: Model, part: string): string {
  const usd = model.llmgateway?.prices_usd?.[part];
  return usd === undefined ? "—" : dollars(usd);
}

const COLUMNS: ColumnDef<Model>[] = [
  {
    id: "name",
    header: "Model",
    cell: ({ row: { original } }) => (
      <span className="group/name inline-flex items-center gap-2">
        <span className="font-mono text-caption font-medium break-all">{original.id}</span>
        {original.owned_by === "llmgateway" ? <Badge tone="info">alias</Badge> : null}
        <span className="opacity-0 group-focus-within/name:opacity-100 group-hover/name:opacity-100 max-sm:hidden">
          <CopyButton text={original.id} label={`Copy ${original.id}`} />
        </span>
      </span>
    ),
  },
  {
    id: "context",
    header: "Context",
    meta: { right: true },
    cell: ({ row }) => count(row.original.llmgateway?.context_window),
  },
  {
    id: "output",
    header: "Output",
    meta: { right: true, wideOnly: true },
    cell: ({ row }) => count(row.original.llmgateway?.max_output),
  },
  {
    id: "abilities",
    header: "Abilities",
    meta: { wideOnly: true },
    cell: ({ row }) => (
      <span className="text-muted">
        {row.original.llmgateway?.abilities
          ?.filter((one) => one !== "chat")
          .map(words)
          .join(", ")}
      </span>
    ),
  },
  { id: "input", header: "Input per M", meta: { right: true }, cell: ({ row }) => price(row.original, "input_mtok") },
  {
    id: "cached",
    header: "Cached per M",
    meta: { right: true, wideOnly: true },
    cell: ({ row }) => price(row.original, "cache_read_mtok"),
  },
  { id: "out", header: "Output per M", meta: { right: true }, cell: ({ row }) => price(row.original, "output_mtok") },
];

/** All that can be named as `model`, with prices and abilities. */
export function Models() {
  const org = useOrg();
  const { q, ability } = useSearch({ strict: false });
  const search: ModelSearch = { ...(q ? { q } : {}), ...(ability ? { ability } : {}) };
  const navigate = useNavigate();
  const [shown, setShown] = useState(FIRST);
  const asked = useQuery(modelsOptions(org.slug));
  if (asked.error) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  const all = asked.data?.data ?? [];
  const abilities = [...new Set(all.flatMap((model) => model.llmgateway?.abilities ?? []))].sort();
  const wanted = (search.q ?? "").toLowerCase();
  const rows = all.filter(
    (model) =>
      model.id.toLowerCase().includes(wanted) &&
      (!search.ability || model.llmgateway?.abilities?.includes(search.ability)),
  );
  const mayTry = org.permissions.includes("keys:create");
  const tryOut = (model: Model): void =>
    void navigate({ to: "/o/$org/playground", params: { org: org.slug }, search: { model: model.id } });
  const set = (next: ModelSearch): void =>
    void navigate({
      to: ".",
      search: Object.fromEntries(Object.entries({ ...search, ...next }).filter(([, value]) => value)),
      replace: true,
    });
  return (
    <>
      <PageHead
        title="Models"
        answer={asked.data ? <Answer models={all.length} mayTry={mayTry} /> : "What your keys can ask for."}
      />
      <div className="mb-4 flex flex-wrap gap-2">
        <input
          aria-label="Find a model"
          placeholder="Find a model"
          className={`${INPUT} w-72!`}
          value={search.q ?? ""}
          onChange={(event) => set({ q: event.target.value })}
        />
        <Choice
          aria-label="Ability"
          quiet
          value={search.ability ?? ""}
          choices={[["", "Every ability"], ...abilities.map((one) => [one, words(one)] as const)]}
          onChange={(next) => set({ ability: next })}
        />
      </div>
      <Card>
        {asked.isPending ? (
          <SkeletonRows />
        ) : rows.length === 0 ? (
          <Empty
            title="No model fits"
            action={<Button onClick={() => set({ q: "", ability: "" })}>Clear the filters</Button>}
          >
            Models of a provider appear when the gateway or your organisation has a key for it.
          </Empty>
        ) : (
          <DataTable
            label="Models"
            columns={COLUMNS}
            rows={rows.slice(0, shown)}
            idOf={(model) => model.id}
            {...(mayTry ? { onOpen: tryOut } : {})}
            footer={
              rows.length > shown ? (
                <div className="flex justify-center">
                  <Button onClick={() => setShown(shown + FIRST)}>Show more of {count(rows.length)}</Button>
                </div>
              ) : null
            }
          />
        )}
      </Card>
    </>
  );
}

/** How many there are, and what asking them costs. */
function Answer({ models, mayTry }: { models: number; mayTry: boolean }) {
  const price = useTokenPrice();
  return (
    <>
      {count(models)} names that your keys can ask for. Prices are list prices in dollars per million tokens.
      {price ? ` On the gateway's own keys you are charged ${tokenPriceWords(price)}.` : ""}
      {mayTry ? " Open one to try it in the playground." : ""}
    </>
  );
}
