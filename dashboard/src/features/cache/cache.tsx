import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { useState } from "react";

import { Button } from "@/components/button";
import { Card, PageHead, Stat } from "@/components/card";
import { Confirm } from "@/components/dialog";
import { Empty, Failure, Skeleton, SkeletonRows } from "@/components/states";
import { DataTable } from "@/components/table";
import { useTell } from "@/components/toast";
import { query, type Schema } from "@/lib/api/client";
import { bytes, count, dollars, share } from "@/lib/format";
import { useMay, useOrg } from "@/lib/me";
import { keysOptions } from "@/lib/org_queries";
import { spanOf } from "@/lib/range";

type Share = Schema["Share"];

/** How often an answer was given before, what that saved, and what is held. */
export function Cache() {
  const org = useOrg();
  const tell = useTell();
  const may = useMay("routes:write");
  const queries = useQueryClient();
  const path = { org: org.slug };
  const [purging, setPurging] = useState<{ of: Share | null } | null>(null);
  const held = query.useQuery("get", "/api/v1/orgs/{org}/cache", { params: { path } });
  const span = spanOf("30d");
  const used = query.useQuery("get", "/api/v1/orgs/{org}/usage/summary", {
    params: { path, query: { from: span.from, to: span.to, step: "all" } },
  });
  const purge = query.useMutation("delete", "/api/v1/orgs/{org}/cache", {
    onSuccess: async () => {
      setPurging(null);
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/cache"] });
      tell("Purged in every process");
    },
  });
  const keys = useQuery({ ...keysOptions(org.slug), enabled: org.permissions.includes("keys:read") }).data?.data ?? [];
  const nameOf = (id: string): string => keys.find((key) => key.id === id)?.name ?? `…${id.slice(-6)}`;
  const row = used.data?.data[0];
  const columns: ColumnDef<Share>[] = [
    {
      id: "model",
      header: "Model",
      cell: ({ row: line }) => <span className="font-medium">{line.original.model}</span>,
    },
    {
      id: "key",
      header: "Key",
      cell: ({ row: line }) => <span className="text-muted">{nameOf(line.original.key_id)}</span>,
    },
    { id: "entries", header: "Answers", meta: { right: true }, cell: ({ row: line }) => count(line.original.entries) },
    { id: "bytes", header: "Size", meta: { right: true }, cell: ({ row: line }) => bytes(line.original.bytes) },
    {
      id: "acts",
      header: () => <span className="sr-only">Acts</span>,
      meta: { right: true },
      cell: ({ row: line }) =>
        may ? (
          <Button kind="ghost" onClick={() => setPurging({ of: line.original })}>
            Purge
          </Button>
        ) : null,
    },
  ];
  const all =
    may && held.data && held.data.entries > 0 ? (
      <Button onClick={() => setPurging({ of: null })}>Purge all</Button>
    ) : null;
  return (
    <>
      <PageHead title="Cache" answer={used.data ? answerOf(row) : null} action={all} />
      {used.error ? (
        <div className="mb-4">
          <Failure error={used.error} retry={() => void used.refetch()} />
        </div>
      ) : null}
      <Figures row={row} held={held.data} pending={used.isPending || held.isPending} />
      <Card title="Held now">
        {held.error ? (
          <Failure error={held.error} retry={() => void held.refetch()} />
        ) : held.isPending ? (
          <SkeletonRows rows={4} />
        ) : held.data.data.length === 0 ? (
          <Empty title="Nothing is held">
            Whole, successful answers are kept for as long as the gateway, the organisation, the key or the request
            says, and never across organisations. Set a time in Settings, on a key, or with the header
            x-llmgateway-cache.
          </Empty>
        ) : (
          <DataTable
            label="Held answers"
            columns={columns}
            rows={held.data.data}
            idOf={(one) => `${one.model} ${one.key_id}`}
          />
        )}
      </Card>
      <Confirm
        open={purging !== null}
        onClose={() => setPurging(null)}
        title={
          purging?.of ? `Purge answers of ${purging.of.model} to ${nameOf(purging.of.key_id)}` : "Purge all answers"
        }
        act="Purge"
        busy={purge.isPending}
        error={purge.error}
        onConfirm={() =>
          purge.mutate({
            params: { path, query: purging?.of ? { model: purging.of.model, key_id: purging.of.key_id } : {} },
          })
        }
      >
        The next equal requests are asked of a provider again, and cost what they cost.
      </Confirm>
    </>
  );
}

/** Of those that got an answer: what was refused or failed could not come from anywhere. */
function answered(row: Schema["SummaryRow"]): number {
  return row.requests - row.refused - row.errors;
}

function answerOf(row: Schema["SummaryRow"] | undefined): string {
  if (!row || answered(row) === 0) return "Nothing was answered in 30 days, so nothing came from the cache.";
  return `${count(row.cache_hits)} of ${count(answered(row))} answers in 30 days came from the cache and saved ${dollars(row.saved_by_cache_usd)}.`;
}

interface FiguresProps {
  row: Schema["SummaryRow"] | undefined;
  held: Schema["CacheShown"] | undefined;
  pending: boolean;
}

function Figures({ row, held, pending }: FiguresProps) {
  const of = (value: string) => (pending ? <Skeleton className="h-7 w-24" /> : value);
  return (
    <dl className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Stat
        label="Hit rate, 30 days"
        meaning="Answers that came from the cache, of all answers to live keys"
        value={of(row ? share(row.cache_hits, answered(row)) : "—")}
      />
      <Stat label="Saved, 30 days" meaning="List price of those answers" value={of(dollars(row?.saved_by_cache_usd))} />
      <Stat label="Answers held" meaning="In the process that answered this page" value={of(count(held?.entries))} />
      <Stat label="Size" meaning="In the process that answered this page" value={of(held ? bytes(held.bytes) : "—")} />
    </dl>
  );
}
