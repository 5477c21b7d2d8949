import { Chart, type Series } from "@/components/chart";
import { Failure } from "@/components/states";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars, duration, short } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { buckets, type spanOf } from "@/lib/range";

type Row = Schema["SummaryRow"];
type Figure = (row: Row) => number | null;

function along(times: readonly string[], rows: readonly Row[], figure: Figure, gap: number | null): (number | null)[] {
  const at = new Map(rows.map((row) => [Date.parse(row.time ?? ""), row]));
  return times.map((time) => {
    const row = at.get(Date.parse(time));
    return row ? figure(row) : gap;
  });
}

/** Requests, spend, latency and tokens over time. */
export function Charts({ span, compare }: { span: ReturnType<typeof spanOf>; compare: boolean }) {
  const org = useOrg();
  const asked = query.useQuery("get", "/api/v1/orgs/{org}/usage/summary", {
    params: { path: { org: org.slug }, query: { from: span.from, to: span.to, step: span.step, compare: true } },
  });
  if (asked.error) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  const times = buckets(span);
  const rows = asked.data?.data ?? [];
  const line = (name: string, figure: Figure, gap: number | null = 0): Series => ({
    name,
    values: along(times, rows, figure, gap),
  });
  const previously = (figure: Figure): Series[] =>
    compare && asked.data?.previous?.length
      ? [{ name: "before", faint: true, values: along(buckets(span.before), asked.data.previous, figure, 0) }]
      : [];
  const total = (figure: Figure): number => rows.reduce((sum, row) => sum + (figure(row) ?? 0), 0);
  const shared = { step: span.step, times };
  const cost: Figure = (row) => Number(row.cost_usd);
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Chart
        {...shared}
        title="Requests"
        kind="area"
        format={short}
        summary={`${count(total((row) => row.requests))} requests, ${count(total((row) => row.errors))} of them failed`}
        series={[
          line("answered", (row) => row.requests - row.errors),
          line("failed", (row) => row.errors),
          ...previously((row) => row.requests),
        ]}
      />
      <Chart
        {...shared}
        title="Spend and savings"
        kind="area"
        format={dollars}
        summary={`${dollars(total(cost))} spent, ${dollars(total((row) => Number(row.saved_usd)))} saved`}
        series={[line("spent", cost), line("saved", (row) => Math.max(0, Number(row.saved_usd))), ...previously(cost)]}
      />
      <Chart
        {...shared}
        title="Latency"
        kind="line"
        format={duration}
        summary="Latency and time to the first token, median and 95th percentile"
        series={[
          line("p50", (row) => row.p50_ms, null),
          line("p95", (row) => row.p95_ms, null),
          line("first token p50", (row) => row.first_token_p50_ms, null),
          line("first token p95", (row) => row.first_token_p95_ms, null),
        ]}
      />
      <Chart
        {...shared}
        title="Tokens"
        kind="area"
        format={short}
        summary={`${count(total((row) => row.prompt_tokens))} prompt and ${count(total((row) => row.completion_tokens))} completion tokens`}
        series={[line("prompt", (row) => row.prompt_tokens), line("completion", (row) => row.completion_tokens)]}
      />
    </div>
  );
}
