import type { Span } from "@/lib/budgets";
import { spanStarts, useSpent } from "@/lib/spent";

/** Dollars; undefined while they are asked, null when they cannot be had. */
export type Known = number | null | undefined;

/** What an organisation and its projects cost in the day, the month and in all that budgets are held against. */
export interface Spending {
  ofOrg: (span: Span) => Known;
  ofProject: (id: string, span: Span) => Known;
  /** What the organisation is charged of this month; budgets do not count it. */
  charged: number;
  /** Why it is not known. */
  error: unknown;
  retry: () => void;
}

export function useSpending(org: string, since: string | undefined, wanted: ReadonlySet<Span>): Spending {
  const starts = spanStarts(new Date());
  const asked = {
    day: useSpent(org, "project", starts.day, wanted.has("day")),
    month: useSpent(org, "project", starts.month),
    total: useSpent(org, "project", since, wanted.has("total")),
  };
  const failed = Object.values(asked).filter((one) => one.error && !one.data);
  const sumOf = (span: Span, isMeant: (group: string | null) => boolean): Known => {
    const { data, error } = asked[span];
    if (!data) return error ? null : undefined;
    return data.data.filter((row) => isMeant(row.group)).reduce((sum, row) => sum + Number(row.cost_usd), 0);
  };
  const month = asked.month.data?.data ?? [];
  return {
    charged: month.reduce((sum, row) => sum + Number(row.charge_usd), 0),
    ofOrg: (span) => sumOf(span, () => true),
    ofProject: (id, span) => sumOf(span, (group) => group === id),
    error: failed[0]?.error,
    retry: () => failed.forEach((one) => void one.refetch()),
  };
}
