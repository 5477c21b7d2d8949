import { query } from "@/lib/api/client";

const EVERY_SECONDS = 5;

/** When the day and the month began that budgets are held against. */
export function spanStarts(now: Date): { day: string; month: string } {
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  return {
    day: new Date(Date.UTC(year, month, now.getUTCDate())).toISOString(),
    month: new Date(Date.UTC(year, month, 1)).toISOString(),
  };
}

/** What each of an organisation's projects or keys cost since then, kept fresh; not asked without a beginning. */
export function useSpent(org: string, by: "project" | "key", from: string | undefined, wanted = true) {
  const to = new Date(Math.ceil(Date.now() / 3_600_000) * 3_600_000).toISOString();
  return query.useQuery(
    "get",
    "/api/v1/orgs/{org}/usage/summary",
    { params: { path: { org }, query: { from: from ?? to, to, step: "all", by } } },
    {
      enabled: wanted && from !== undefined,
      // What failed at first waits for its retry: asked again and again it would look as if it were loading.
      refetchInterval: ({ state }) => state.data !== undefined && EVERY_SECONDS * 1000,
      staleTime: 0,
    },
  );
}
