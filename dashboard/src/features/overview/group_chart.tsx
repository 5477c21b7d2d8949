import { Chart } from "@/components/chart";
import { largest, type Series } from "@/components/series";
import { Failure } from "@/components/states";
import { type Group, GROUPS, type Measure, MEASURES } from "@/features/overview/filters";
import { useNames } from "@/features/overview/names";
import { query, type Schema } from "@/lib/api/client";
import { dollars, short } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { along, buckets, type Span } from "@/lib/range";

type Row = Schema["SummaryRow"];

const FIGURES: Record<Measure, (row: Row) => number> = {
  spend: (row) => Number(row.cost_usd),
  requests: (row) => row.requests,
  tokens: (row) => row.prompt_tokens + row.completion_tokens,
};

/** One figure over time, by what it was for. */
export function GroupChart({ span, by, of }: { span: Span; by: Group; of: Measure }) {
  const org = useOrg();
  const nameOf = useNames(by);
  const asked = query.useQuery("get", "/api/v1/orgs/{org}/usage/summary", {
    params: { path: { org: org.slug }, query: { from: span.from, to: span.to, step: span.step, by } },
  });
  if (asked.error) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  const times = buckets(span);
  const rows = asked.data?.data ?? [];
  const groups = [...new Set(rows.map((row) => row.group))];
  const all = groups.map((group): Series => {
    const own = rows.filter((row) => row.group === group);
    return { name: nameOf(group), values: along(times, own, FIGURES[of], 0) };
  });
  const series = largest(all);
  const first = series.find((one) => one.values.some((value) => value !== 0))?.name;
  return (
    <Chart
      title={`${MEASURES[of]} by ${GROUPS[by].toLowerCase()}`}
      kind="area"
      step={span.step}
      times={times}
      series={series}
      pending={asked.isPending}
      format={of === "spend" ? dollars : short}
      whole={of !== "spend"}
      summary={first ? `Most for ${first}, of ${groups.length}` : "Nothing yet"}
    />
  );
}
