import { Link, useNavigate, useSearch } from "@tanstack/react-router";

import { Choice } from "@/components/field";
import { buttonClasses } from "@/components/button";
import { PageHead } from "@/components/card";
import { Empty, Failure, Skeleton } from "@/components/states";
import { Breakdown } from "@/features/overview/breakdown";
import { Charts } from "@/features/overview/charts";
import type { OverviewSearch } from "@/features/overview/filters";
import { useLiveFigures } from "@/features/overview/refresh";
import { Totals } from "@/features/overview/totals";
import { query, type Schema } from "@/lib/api/client";
import { dollars, share } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { RANGES, type Range, spanOf } from "@/lib/range";

/** What happened, what it cost and what was saved. */
export function Overview() {
  const org = useOrg();
  useLiveFigures();
  const search: OverviewSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const range: Range = search.range ?? "24h";
  const by = search.by ?? "model";
  const compare = search.compare ?? true;
  const span = spanOf(range);
  const path = { org: org.slug };
  const at = { from: span.from, to: span.to };
  const totals = query.useQuery("get", "/api/v1/orgs/{org}/usage/summary", {
    params: { path, query: { ...at, step: "all", compare: true } },
  });
  const set = (next: OverviewSearch): void => void navigate({ to: ".", search: { ...search, ...next }, replace: true });
  if (totals.error) return <Failure error={totals.error} retry={() => void totals.refetch()} />;
  const now = totals.data?.data[0];
  return (
    <>
      <PageHead
        title="Overview"
        answer={totals.data ? <Answer row={now} range={range} /> : <Skeleton className="h-5 w-80" />}
        action={<Controls range={range} compare={compare} set={set} />}
      />
      {totals.data && (now?.requests ?? 0) === 0 ? (
        <NoTraffic />
      ) : (
        <div className="flex flex-col gap-4">
          <Totals now={now} before={compare ? totals.data?.previous?.[0] : undefined} />
          <Charts span={span} compare={compare} />
          <Breakdown span={span} by={by} onBy={(next) => set({ by: next })} />
          {totals.data ? <Partial until={totals.data.figures_until} /> : null}
        </div>
      )}
    </>
  );
}

interface ControlsProps {
  range: Range;
  compare: boolean;
  set: (next: OverviewSearch) => void;
}

function Controls({ range, compare, set }: ControlsProps) {
  return (
    <>
      <Choice
        aria-label="Range"
        className="w-auto!"
        value={range}
        choices={Object.entries(RANGES) as [Range, string][]}
        onChange={(next) => set({ range: next })}
      />
      <Choice
        aria-label="Compare"
        className="w-auto!"
        value={compare ? "before" : "none"}
        choices={[
          ["before", "against the period before"],
          ["none", "no comparison"],
        ]}
        onChange={(next) => set({ compare: next === "before" })}
      />
    </>
  );
}

function Answer({ row, range }: { row: Schema["SummaryRow"] | undefined; range: Range }) {
  if (!row || row.requests === 0) return <>No requests in the {RANGES[range]}.</>;
  const saved = Number(row.saved_usd);
  const off = saved > 0 ? `, ${dollars(saved)} (${share(saved, Number(row.list_cost_usd))}) less than list price` : "";
  return (
    <>
      You spent <strong className="tabular font-semibold text-text">{dollars(row.cost_usd)}</strong> in the{" "}
      {RANGES[range]}
      {off}.
    </>
  );
}

function Partial({ until }: { until: string }) {
  const time = new Date(until).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return (
    <p className="text-caption text-faint">Figures up to {time}; requests count a second or two after their end.</p>
  );
}

function NoTraffic() {
  const org = useOrg();
  const start = (
    <Link to="/o/$org/start" params={{ org: org.slug }} className={buttonClasses("primary")}>
      Send the first request
    </Link>
  );
  return (
    <Empty title="Nothing was asked in this time" action={start}>
      Requests, tokens, spend and savings appear here as soon as a key is used. It takes one base URL to change.
    </Empty>
  );
}
