import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Radio } from "lucide-react";
import type { ReactNode } from "react";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { Empty, Failure, SkeletonRows } from "@/components/states";
import { DataTable } from "@/components/table";
import { FilterBar } from "@/features/requests/filter_bar";
import { asQuery, requestSearch, type RequestSearch } from "@/features/requests/filters";
import { FirstRequest } from "@/features/requests/first_request";
import { OutcomeBadge } from "@/features/requests/outcome";
import { modelOf, servedBy, took } from "@/features/requests/words";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars } from "@/lib/format";
import { useLiveRefresh } from "@/lib/live";
import { useOrg } from "@/lib/me";
import { keysOptions } from "@/lib/org_queries";
import { ago, stamp } from "@/lib/time";

type Shown = Schema["RequestShown"];

const right = { right: true };

function columnsOf(nameOf: (key: string) => string): ColumnDef<Shown>[] {
  return [
    {
      id: "time",
      header: "Time",
      meta: { phone: "bare" },
      cell: ({ row: { original } }) => (
        <time dateTime={original.created_at} title={ago(original.created_at)} className="tabular whitespace-nowrap">
          {stamp(original.created_at)}
        </time>
      ),
    },
    {
      id: "outcome",
      header: "Outcome",
      meta: { phone: "bare" },
      cell: ({ row }) => <OutcomeBadge request={row.original} />,
    },
    {
      id: "model",
      header: "Model",
      meta: { phone: "title" },
      cell: ({ row: { original } }) => (
        <>
          <span className={original.model ? "font-medium" : "text-faint"}>{modelOf(original)}</span>
          {servedBy(original) ? <span className="text-faint"> → {servedBy(original)}</span> : null}
        </>
      ),
    },
    {
      id: "key",
      header: "Key",
      meta: { wideOnly: true },
      cell: ({ row }) => <span className="block max-w-32 truncate text-muted">{nameOf(row.original.key_id)}</span>,
    },
    {
      id: "cache",
      header: "Cache",
      meta: { wideOnly: true },
      cell: ({ row: { original } }) =>
        original.cache === "hit" ? (
          <Badge tone="good">hit</Badge>
        ) : (
          <span className="text-faint">{original.cache}</span>
        ),
    },
    {
      id: "tokens",
      header: "Tokens",
      meta: { ...right, wideOnly: true },
      cell: ({ row }) => count(row.original.prompt_tokens + row.original.completion_tokens),
    },
    {
      id: "duration",
      header: "Took",
      meta: { ...right, phone: "bare" },
      cell: ({ row }) => took(row.original.duration_ms),
    },
    { id: "cost", header: "Cost", meta: right, cell: ({ row }) => dollars(row.original.cost_usd) },
  ];
}

/** Every request, newest first: searched by what is in the URL, followed live. */
export function Requests() {
  const org = useOrg();
  const search: RequestSearch = requestSearch(useSearch({ strict: false }));
  const navigate = useNavigate();
  const keys = useQuery({ ...keysOptions(org.slug), enabled: org.permissions.includes("keys:read") }).data?.data ?? [];
  const columns = columnsOf((id) => keys.find((key) => key.id === id)?.name ?? `…${id.slice(-6)}`);
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
  useLiveRefresh(org.slug, () => void asked.refetch(), 0.5, search.live ?? false);
  const set = (next: RequestSearch): void => void navigate({ to: ".", search: next });
  const follow = (on: boolean): void => void navigate({ to: ".", search: { ...search, live: on }, replace: true });
  const rows = asked.data?.pages.flatMap((page) => page.data) ?? [];
  const filtered = Object.keys(asQuery(search)).length > 0;
  const live = (
    <Button
      aria-pressed={search.live ?? false}
      onClick={() => follow(!search.live)}
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
        columns={columns}
        rows={rows}
        idOf={(row) => row.id}
        onOpen={(row) => void navigate({ to: "/o/$org/requests/$request", params: { org: org.slug, request: row.id } })}
        footer={
          asked.hasNextPage ? (
            <div className="flex justify-center">
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
      <FilterBar search={search} onChange={set} />
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
