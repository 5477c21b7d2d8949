import { query } from "@/lib/api/client";
import type { Span } from "@/lib/budgets";

const EVERY_SECONDS = 5;

/** What an organisation and its projects cost in the day, the month and in all that budgets are held against, kept fresh. */
export interface Spending {
  ofOrg: (span: Span) => number;
  ofProject: (id: string, span: Span) => number;
}

export function useSpending(org: string, since: string | undefined, wanted: ReadonlySet<Span>): Spending {
  const now = new Date();
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  const rows = {
    day: useRows(org, new Date(Date.UTC(year, month, day)).toISOString(), wanted.has("day")),
    month: useRows(org, new Date(Date.UTC(year, month, 1)).toISOString(), true),
    total: useRows(org, since, wanted.has("total")),
  };
  return {
    ofOrg: (span) => rows[span].reduce((sum, row) => sum + Number(row.cost_usd), 0),
    ofProject: (id, span) => Number(rows[span].find((row) => row.group === id)?.cost_usd ?? 0),
  };
}

function useRows(org: string, from: string | undefined, wanted: boolean) {
  const to = new Date(Math.ceil(Date.now() / 3_600_000) * 3_600_000).toISOString();
  const asked = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/usage/summary",
    { params: { path: { org }, query: { from: from ?? to, to, step: "all", by: "project" } } },
    { enabled: wanted && from !== undefined, refetchInterval: EVERY_SECONDS * 1000, staleTime: 0 },
  );
  return asked.data?.data ?? [];
}
