import { keepPreviousData } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Radio, X } from "lucide-react";
import { type ReactNode, useState } from "react";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { Choice, INPUT } from "@/components/field";
import { Empty, Failure, SkeletonRows } from "@/components/states";
import { DataTable } from "@/components/table";
import { When } from "@/components/when";
import { asQuery, OUTCOMES, requestSearch, type RequestSearch } from "@/features/requests/filters";
import { FirstRequest } from "@/features/requests/first_request";
import { OutcomeBadge } from "@/features/requests/outcome";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars, duration } from "@/lib/format";
import { useLive } from "@/lib/live";
import { useOrg } from "@/lib/me";

type Shown = Schema["RequestShown"];

const right = { right: true };

const COLUMNS: ColumnDef<Shown>[] = [
  { id: "time", header: "Time", cell: ({ row }) => <When time={row.original.created_at} /> },
  { id: "outcome", header: "Outcome", cell: ({ row }) => <OutcomeBadge request={row.original} /> },
  {
    id: "model",
    header: "Model",
    cell: ({ row: { original } }) => (
      <>
        <span className="font-medium">{original.model}</span>
        {original.provider ? (
          <span className="text-faint">
            {" "}
            → {original.provider}/{original.served_model}
          </span>
        ) : null}
      </>
    ),
  },
  {
    id: "cache",
    header: "Cache",
    meta: { wideOnly: true },
    cell: ({ row }) => (row.original.cache === "hit" ? <Badge tone="good">hit</Badge> : row.original.cache),
  },
  {
    id: "tokens",
    header: "Tokens",
    meta: { ...right, wideOnly: true },
    cell: ({ row }) => count(row.original.prompt_tokens + row.original.completion_tokens),
  },
  { id: "duration", header: "Took", meta: right, cell: ({ row }) => duration(row.original.duration_ms) },
  { id: "cost", header: "Cost", meta: right, cell: ({ row }) => dollars(row.original.cost_usd) },
];

/** Every request, newest first: searched by what is in the URL, followed live. */
export function Requests() {
  const org = useOrg();
  const search: RequestSearch = requestSearch(useSearch({ strict: false }));
  const navigate = useNavigate();
  const asked = query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/usage",
    { params: { path: { org: org.slug }, query: { ...asQuery(search), limit: 50 } } },
    {
      pageParamName: "cursor",
      initialPageParam: "",
      getNextPageParam: (last) => last.next_cursor,
      placeholderData: keepPreviousData,
    },
  );
  useLive(org.slug, { onRequest: () => void asked.refetch() }, search.live ?? false);
  const set = (next: RequestSearch): void => void navigate({ to: ".", search: next, replace: true });
  const rows = asked.data?.pages.flatMap((page) => page.data) ?? [];
  const filtered = Object.keys(asQuery(search)).length > 0;
  const live = (
    <Button
      aria-pressed={search.live ?? false}
      onClick={() => set(search.live ? { ...search, live: false } : { ...search, live: true })}
      icon={<Radio aria-hidden className={search.live ? "size-4 text-accent" : "size-4"} />}
    >
      {search.live ? "Live" : "Follow live"}
    </Button>
  );
  let body: ReactNode;
  if (asked.isPending) body = <SkeletonRows />;
  else if (asked.error) body = <Failure error={asked.error} retry={() => void asked.refetch()} />;
  else if (rows.length === 0) body = filtered ? <NoMatch clear={() => set({})} /> : <FirstRequest />;
  else
    body = (
      <DataTable
        label="Requests"
        columns={COLUMNS}
        rows={rows}
        idOf={(row) => row.id}
        onOpen={(row) => void navigate({ to: "/o/$org/requests/$request", params: { org: org.slug, request: row.id } })}
        footer={
          asked.hasNextPage ? (
            <div className="flex justify-center pt-3">
              <Button busy={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
                Show older requests
              </Button>
            </div>
          ) : null
        }
      />
    );
  return (
    <>
      <PageHead
        title="Requests"
        answer="Each request, why it went where it went, and what it cost. Open one to see its journey."
        action={live}
      />
      <Filters search={search} onChange={set} />
      <Card>{body}</Card>
    </>
  );
}

function NoMatch({ clear }: { clear: () => void }) {
  return (
    <Empty title="No request fits these filters" action={<Button onClick={clear}>Clear the filters</Button>}>
      Requests appear a second or two after their answer has ended.
    </Empty>
  );
}

const TYPED = [
  ["model", "Model"],
  ["provider", "Provider"],
  ["key_id", "Key id"],
  ["tag", "Tag"],
] as const;

function Filters({ search, onChange }: { search: RequestSearch; onChange: (next: RequestSearch) => void }) {
  const without = (name: keyof RequestSearch): RequestSearch =>
    Object.fromEntries(Object.entries(search).filter(([other]) => other !== name));
  const put = (name: keyof RequestSearch, value: string | boolean): void =>
    onChange(value === "" || value === false ? without(name) : { ...search, [name]: value });
  return (
    <form
      aria-label="Filters"
      className="mb-4 flex flex-wrap items-center gap-2"
      onSubmit={(event) => event.preventDefault()}
    >
      {TYPED.map(([name, title]) => (
        <TypedFilter
          key={`${name} ${search[name] ?? ""}`}
          title={title}
          value={search[name] ?? ""}
          onSet={(value) => put(name, value)}
        />
      ))}
      <Choice
        aria-label="Outcome"
        className="w-auto!"
        value={search.outcome ?? ""}
        choices={OUTCOMES}
        onChange={(outcome) => put("outcome", outcome)}
      />
      <Choice
        aria-label="Traffic"
        className="w-auto!"
        value={search.test ? "test" : ""}
        choices={[
          ["", "Live and test keys"],
          ["test", "Test keys only"],
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

function TypedFilter({ title, value, onSet }: { title: string; value: string; onSet: (value: string) => void }) {
  const [text, setText] = useState(value);
  return (
    <input
      aria-label={title}
      placeholder={title}
      className={`${INPUT} w-36!`}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => text !== value && onSet(text.trim())}
      onKeyDown={(event) => event.key === "Enter" && onSet(text.trim())}
    />
  );
}
