import type { ColumnDef } from "@tanstack/react-table";
import { Link } from "@tanstack/react-router";
import { Download } from "lucide-react";

import { IconButton } from "@/components/button";
import { Card } from "@/components/card";
import { csvOf, download } from "@/components/csv";
import { Failure, SkeletonRows } from "@/components/states";
import { DataTable } from "@/components/table";
import { type Group, GROUPS } from "@/features/overview/filters";
import { useNames } from "@/features/overview/names";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars, duration, share } from "@/lib/format";
import { useOrg } from "@/lib/me";
import type { Range, Span } from "@/lib/range";

type Row = Schema["SummaryRow"];

const FILTERS: Partial<Record<Group, string>> = {
  model: "model",
  provider: "provider",
  key: "key_id",
  tag: "tag",
  project: "project_id",
};

interface Props {
  span: Span;
  range: Range;
  by: Group;
}

/** The same figures by what they were for, dearest first. */
export function Breakdown({ span, range, by }: Props) {
  const org = useOrg();
  const path = { org: org.slug };
  const asked = query.useQuery("get", "/api/v1/orgs/{org}/usage/summary", {
    params: { path, query: { from: span.from, to: span.to, step: "all", by } },
  });
  const name = useNames(by);
  const nameOf = (row: Row): string => name(row.group);
  const rows = [...(asked.data?.data ?? [])].sort(
    (a, b) => Number(b.cost_usd) - Number(a.cost_usd) || b.requests - a.requests,
  );
  const save = (): void =>
    download(
      `usage-by-${by}.csv`,
      csvOf(
        [by, "requests", "errors", "prompt_tokens", "completion_tokens", "cost_usd", "saved_usd", "p50_ms", "p95_ms"],
        rows.map((row) => [
          nameOf(row),
          row.requests,
          row.errors,
          row.prompt_tokens,
          row.completion_tokens,
          row.cost_usd,
          row.saved_usd,
          row.p50_ms,
          row.p95_ms,
        ]),
      ),
    );
  const action = (
    <IconButton label="Download this table as CSV" onClick={save}>
      <Download aria-hidden className="size-4" />
    </IconButton>
  );
  return (
    <Card title={`All figures by ${by}`} action={action}>
      {asked.error ? (
        <Failure error={asked.error} retry={() => void asked.refetch()} />
      ) : asked.isPending ? (
        <SkeletonRows rows={4} />
      ) : (
        <DataTable
          label={`Usage by ${by}`}
          columns={columnsOf(by, nameOf, { org: org.slug, range }, rows)}
          rows={rows}
          idOf={(row) => row.group ?? ""}
        />
      )}
    </Card>
  );
}

interface Where {
  org: string;
  range: Range;
}

function columnsOf(by: Group, nameOf: (row: Row) => string, where: Where, rows: Row[]): ColumnDef<Row>[] {
  const right = { right: true };
  const whole = rows.reduce((sum, row) => sum + Number(row.cost_usd), 0);
  const filter = FILTERS[by];
  return [
    {
      id: "group",
      header: GROUPS[by],
      cell: ({ row: { original } }) =>
        filter && original.group ? (
          <Link
            to="/o/$org/requests"
            params={{ org: where.org }}
            search={{ [filter]: original.group, since: where.range, test: false }}
            className="font-medium underline-offset-2 hover:underline"
          >
            {nameOf(original)}
          </Link>
        ) : (
          nameOf(original)
        ),
    },
    { id: "requests", header: "Requests", meta: right, cell: ({ row }) => count(row.original.requests) },
    {
      id: "errors",
      header: "Failed",
      meta: { ...right, wideOnly: true },
      cell: ({ row }) => share(row.original.errors, row.original.requests),
    },
    {
      id: "tokens",
      header: "Tokens",
      meta: { ...right, wideOnly: true },
      cell: ({ row }) => count(row.original.prompt_tokens + row.original.completion_tokens),
    },
    { id: "p50", header: "p50", meta: { ...right, wideOnly: true }, cell: ({ row }) => duration(row.original.p50_ms) },
    { id: "p95", header: "p95", meta: { ...right, wideOnly: true }, cell: ({ row }) => duration(row.original.p95_ms) },
    {
      id: "saved",
      header: "Saved",
      meta: { ...right, wideOnly: true },
      cell: ({ row }) => dollars(row.original.saved_usd),
    },
    {
      id: "share",
      header: "Of spend",
      meta: { ...right, wideOnly: true },
      // Tags overlap: a request with two of them counts for both.
      cell: ({ row }) => (by === "tag" ? "—" : share(Number(row.original.cost_usd), whole)),
    },
    { id: "cost", header: "Spend", meta: right, cell: ({ row }) => dollars(row.original.cost_usd) },
  ];
}
