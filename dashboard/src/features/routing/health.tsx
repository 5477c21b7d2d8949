import type { ColumnDef } from "@tanstack/react-table";

import { Badge } from "@/components/badge";
import { Card } from "@/components/card";
import { Failure, SkeletonRows } from "@/components/states";
import { DataTable } from "@/components/table";
import { query, type Schema } from "@/lib/api/client";
import { count, duration, share } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { spanOf } from "@/lib/range";

type Path = Schema["PathShown"];

const STATES = {
  closed: ["good", "well"],
  half_open: ["soon", "being tried again"],
  open: ["bad", "cooled"],
} as const;

const WORST = ["open", "half_open", "closed"];
const EVERY_SECONDS = 5;

const COLUMNS: ColumnDef<Path>[] = [
  {
    id: "path",
    header: "Provider and model",
    cell: ({ row: { original } }) => (
      <span title={original.credential}>
        <span className="font-medium">{original.provider}</span>
        <span className="text-muted">/{original.model ?? "all its models"}</span>
      </span>
    ),
  },
  {
    id: "state",
    header: "Circuit",
    meta: { phone: "bare" },
    cell: ({ row: { original } }) => {
      const [tone, word] = STATES[original.state];
      const { processes, troubled } = original;
      const where = troubled > 0 && processes > 1 ? ` in ${troubled} of ${processes}` : "";
      return (
        <Badge tone={tone}>
          {word}
          {where}
        </Badge>
      );
    },
  },
  {
    id: "why",
    header: "Why",
    meta: { phone: "bare" },
    cell: ({ row }) => <span className="text-muted">{row.original.why}</span>,
  },
  {
    id: "first",
    header: "First token",
    meta: { right: true, wideOnly: true },
    cell: ({ row }) => duration(row.original.first_token_ms),
  },
  {
    id: "speed",
    header: "Tokens a second",
    meta: { right: true, wideOnly: true },
    cell: ({ row }) => count(row.original.tokens_per_second),
  },
];

/** Which paths to providers are well, which are cooled and why; the worst first. */
export function ProviderHealth() {
  const org = useOrg();
  const path = { org: org.slug };
  const asked = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/health",
    { params: { path } },
    { refetchInterval: EVERY_SECONDS * 1000, staleTime: 0 },
  );
  const rows = [...(asked.data?.data ?? [])].sort((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state));
  return (
    <Card title="Provider health" action={<ErrorsToday />}>
      {asked.error ? (
        <Failure error={asked.error} retry={() => void asked.refetch()} />
      ) : asked.isPending ? (
        <SkeletonRows rows={3} />
      ) : rows.length === 0 ? (
        <p className="text-muted">
          No provider was asked of late. After five failures in a row a path is cooled: it is asked last, and tried
          again within half a minute.
        </p>
      ) : (
        <DataTable
          label="Provider health"
          columns={COLUMNS}
          rows={rows}
          idOf={(one) => `${one.credential} ${one.model ?? ""}`}
        />
      )}
    </Card>
  );
}

/** How many requests failed in spite of all targets. */
function ErrorsToday() {
  const org = useOrg();
  const span = spanOf("24h");
  const row = query.useQuery("get", "/api/v1/orgs/{org}/usage/summary", {
    params: { path: { org: org.slug }, query: { from: span.from, to: span.to, step: "all" } },
  }).data?.data[0];
  if (!row || row.requests === 0) return null;
  return (
    <span className="tabular text-caption text-faint">
      {share(row.errors, row.requests)} of {count(row.requests)} requests failed in 24 hours, after every target
    </span>
  );
}
