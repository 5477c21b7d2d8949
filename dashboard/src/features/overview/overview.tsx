import { Link, useNavigate, useSearch } from "@tanstack/react-router";

import { Choice } from "@/components/field";
import { buttonClasses } from "@/components/button";
import { PageHead } from "@/components/card";
import { Empty, Failure, Skeleton } from "@/components/states";
import { Segments } from "@/components/tabs";
import { Breakdown } from "@/features/overview/breakdown";
import { Charts } from "@/features/overview/charts";
import {
  type Group,
  GROUPS,
  type Measure,
  MEASURES,
  type OverviewSearch,
  withDefaults,
} from "@/features/overview/filters";
import { GroupChart } from "@/features/overview/group_chart";
import { useLiveFigures } from "@/features/overview/refresh";
import { Totals } from "@/features/overview/totals";
import { query, type Schema } from "@/lib/api/client";
import { dollars, share, tokenPriceWords } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { RANGES, type Range, type Span, spanOf } from "@/lib/range";
import { useTokenPrice } from "@/lib/token_price";

/** What happened, what it cost and what was saved. */
export function Overview() {
  const org = useOrg();
  useLiveFigures();
  const search: OverviewSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const { range, by, of, compare } = withDefaults(search);
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
          <Totals now={now} before={compare ? totals.data?.previous?.[0] : undefined} range={range} />
          <Charts span={span} compare={compare} />
          <ByGroup span={span} range={range} by={by} of={of} set={set} />
          {totals.data ? <Partial until={totals.data.figures_until} /> : null}
        </div>
      )}
    </>
  );
}

interface ByGroupProps {
  span: Span;
  range: Range;
  by: Group;
  of: Measure;
  set: (next: OverviewSearch) => void;
}

/** The same figures by what they were for: over time, and in all. */
function ByGroup({ span, range, by, of, set }: ByGroupProps) {
  return (
    <section aria-label="What it was for" className="mt-2 flex flex-col gap-4">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <Segments label="Group by" value={by} choices={entries(GROUPS)} onChange={(next) => set({ by: next })} />
        <Segments label="Measure" value={of} choices={entries(MEASURES)} onChange={(next) => set({ of: next })} />
      </div>
      <GroupChart span={span} by={by} of={of} />
      <Breakdown span={span} range={range} by={by} />
    </section>
  );
}

function entries<Name extends string>(titles: Record<Name, string>): [Name, string][] {
  return Object.entries(titles) as [Name, string][];
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
        quiet
        value={range}
        choices={entries(RANGES)}
        onChange={(next) => set({ range: next })}
      />
      <Choice
        aria-label="Compare"
        quiet
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
      {off}. <Charged row={row} />
    </>
  );
}

/** What the organisation is charged, where that is something, and what it is made of. */
function Charged({ row }: { row: Schema["SummaryRow"] }) {
  const price = useTokenPrice();
  if (Number(row.charge_usd) === 0) return null;
  return (
    <>
      You are charged <strong className="tabular font-semibold text-text">{dollars(row.charge_usd)}</strong>
      {price ? `: on the gateway's own keys, ${tokenPriceWords(price)}` : ""}.
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
