import { Chart } from "@/components/chart";
import type { Series } from "@/components/series";
import { Failure } from "@/components/states";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars, duration, share, short } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { along, buckets, type spanOf } from "@/lib/range";

type Row = Schema["SummaryRow"];
type Figure = (row: Row) => number | null;

/** Requests, spend, latency and tokens over time. */
export function Charts({ span, compare }: { span: ReturnType<typeof spanOf>; compare: boolean }) {
  const org = useOrg();
  const asked = query.useQuery("get", "/api/v1/orgs/{org}/usage/summary", {
    params: { path: { org: org.slug }, query: { from: span.from, to: span.to, step: span.step, compare: true } },
  });
  if (asked.error) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  const times = buckets(span);
  const rows = asked.data?.data ?? [];
  const line = (name: string, figure: Figure, tone?: Series["tone"], gap: number | null = 0): Series => ({
    name,
    values: along(times, rows, figure, gap),
    ...(tone ? { tone } : {}),
  });
  const previously = (figure: Figure, gap: number | null = 0): Series[] =>
    compare && asked.data?.previous?.length
      ? [{ name: "before", faint: true, values: along(buckets(span.before), asked.data.previous, figure, gap) }]
      : [];
  const total = (figure: Figure): number => rows.reduce((sum, row) => sum + (figure(row) ?? 0), 0);
  const shared = { step: span.step, times, pending: asked.isPending };
  const refused = total((row) => row.refused);
  const failed: Figure = (row) => (100 * row.errors) / Math.max(1, row.requests);
  const cost: Figure = (row) => Number(row.cost_usd);
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Chart
        {...shared}
        title="Requests"
        kind="area"
        format={short}
        whole
        summary={`${count(total((row) => row.requests))} requests, ${count(total((row) => row.errors))} of them failed${refused > 0 ? `, ${count(refused)} refused` : ""}`}
        series={[
          line("answered", (row) => row.requests - row.errors - row.refused, "accent"),
          line("refused", (row) => row.refused, "neutral"),
          line("failed", (row) => row.errors, "bad"),
          ...previously((row) => row.requests),
        ]}
      />
      <Chart
        {...shared}
        title="Spend and savings"
        kind="area"
        format={dollars}
        summary={`${dollars(total(cost))} spent, ${dollars(total((row) => Number(row.saved_usd)))} saved`}
        series={[
          line("spent", cost, "neutral"),
          line("saved", (row) => Math.max(0, Number(row.saved_usd)), "accent"),
          ...previously(cost),
        ]}
      />
      <Chart
        {...shared}
        title="Latency"
        kind="line"
        format={duration}
        whole
        summary="To the end of the answer, half and 95 % of requests"
        series={[
          line("p50", (row) => row.p50_ms, "accent", null),
          line("p95", (row) => row.p95_ms, "neutral", null),
          ...previously((row) => row.p50_ms, null),
        ]}
      />
      <Chart
        {...shared}
        title="Time to first token"
        kind="line"
        format={duration}
        whole
        summary="Of streams, half and 95 % of requests"
        series={[
          line("p50", (row) => row.first_token_p50_ms, "accent", null),
          line("p95", (row) => row.first_token_p95_ms, "neutral", null),
          ...previously((row) => row.first_token_p50_ms, null),
        ]}
      />
      <Chart
        {...shared}
        title="Tokens"
        kind="area"
        format={short}
        whole
        summary={`${count(total((row) => row.prompt_tokens))} prompt and ${count(total((row) => row.completion_tokens))} completion tokens`}
        series={[
          line("prompt", (row) => row.prompt_tokens - row.cached_tokens),
          line("cached prompt", (row) => row.cached_tokens),
          line("completion", (row) => row.completion_tokens),
          ...previously((row) => row.prompt_tokens + row.completion_tokens),
        ]}
      />
      <Chart
        {...shared}
        title="Error rate"
        kind="line"
        format={(value) => `${value.toFixed(1)} %`}
        summary={`${share(
          total((row) => row.errors),
          total((row) => row.requests),
        )} of requests failed after every target was tried`}
        series={[line("failed", failed, "bad"), ...previously(failed)]}
      />
    </div>
  );
}
