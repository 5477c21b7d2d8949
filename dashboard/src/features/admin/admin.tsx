import type { ColumnDef } from "@tanstack/react-table";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Badge } from "@/components/badge";
import { Card, PageHead, Stat } from "@/components/card";
import { INPUT } from "@/components/field";
import { PAGED, PageList } from "@/components/page_list";
import { Empty, Failure, Forbidden, SkeletonRows } from "@/components/states";
import { When } from "@/components/when";
import { OrgDialog } from "@/features/admin/org_dialog";
import { query, type Schema } from "@/lib/api/client";
import { cents, count, words } from "@/lib/format";
import { useMe } from "@/lib/me";

type Org = Schema["AdminOrg"];

const COLUMNS: ColumnDef<Org>[] = [
  { id: "name", header: "Organisation", cell: ({ row }) => <span className="font-medium">{row.original.name}</span> },
  { id: "plan", header: "Plan", cell: ({ row }) => <Badge>{words(row.original.plan)}</Badge> },
  {
    id: "state",
    header: "State",
    cell: ({ row: { original } }) =>
      original.suspended_at ? (
        <Badge tone="bad">suspended</Badge>
      ) : original.deletes_at ? (
        <Badge tone="soon">ending</Badge>
      ) : (
        <Badge tone="good">active</Badge>
      ),
  },
  {
    id: "members",
    header: "Members",
    meta: { right: true, wideOnly: true },
    cell: ({ row }) => count(row.original.members),
  },
  { id: "keys", header: "Keys", meta: { right: true, wideOnly: true }, cell: ({ row }) => count(row.original.keys) },
  { id: "since", header: "Since", cell: ({ row }) => <When time={row.original.created_at} /> },
];

/** The platform, for those who operate it: figures and organisations, never content. */
export function Admin() {
  const me = useMe();
  if (!me) return <SkeletonRows />;
  return (
    <main className="mx-auto max-w-6xl px-4 py-8">
      <Link to="/home" className="text-table font-medium text-accent">
        ← Dashboard
      </Link>
      <div className="mt-4">
        <PageHead
          title="Platform"
          answer="Organisations, revenue and use. What they say to models is not shown to anybody here."
        />
      </div>
      {me.user.operator ? <Platform /> : <Forbidden>Only those who operate this gateway may see this.</Forbidden>}
    </main>
  );
}

function Platform() {
  const [text, setText] = useState("");
  const [wanted, setWanted] = useState("");
  const [open, setOpen] = useState<Org | null>(null);
  const asked = query.useInfiniteQuery(
    "get",
    "/api/v1/admin/orgs",
    { params: { query: { limit: 50, ...(wanted ? { q: wanted } : {}) } } },
    PAGED,
  );
  return (
    <>
      <Figures />
      <input
        aria-label="Find an organisation"
        placeholder="Find an organisation"
        className={`${INPUT} my-4 w-72!`}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => setWanted(text.trim())}
        onKeyDown={(event) => event.key === "Enter" && setWanted(text.trim())}
      />
      <Card title="Organisations">
        <PageList
          label="Organisations"
          asked={asked}
          columns={COLUMNS}
          idOf={(org) => org.id}
          onOpen={setOpen}
          empty={<Empty title="No organisation of this name">Try a part of its name, or its id.</Empty>}
        />
      </Card>
      {open ? <OrgDialog of={open} onClose={() => setOpen(null)} /> : null}
    </>
  );
}

const COST_NOTHING = ["free", "self_hosted"];

/** Starter 5 (2 not paid for): those have it from an operator, or are suspended. */
function planNote({ plan, organisations, paying }: Schema["PlanFigures"]): string {
  const unpaid = COST_NOTHING.includes(plan) ? 0 : organisations - paying;
  return `${words(plan)} ${count(organisations)}${unpaid > 0 ? ` (${count(unpaid)} not paid for)` : ""}`;
}

function Figures() {
  const asked = query.useQuery("get", "/api/v1/admin/figures");
  if (asked.isPending) return <SkeletonRows rows={2} />;
  if (asked.isError) return <Failure error={asked.error} />;
  const figures = asked.data;
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Stat
        label="Monthly recurring revenue"
        meaning="Prices of the plans that are paid for: by a subscription, or, where no payments are taken, as assigned. Who is suspended or ends is not counted"
        value={cents(figures.monthly_recurring_usd)}
        note={figures.plans.map(planNote).join(" · ")}
      />
      <Stat
        label="Churn, 30 days"
        meaning="Paying organisations that left or fell to Free"
        value={`${(100 * Number(figures.churn_rate)).toFixed(1)} %`}
        note={`${figures.churned_30_days} organisations`}
      />
      <Stat
        label="Organisations"
        meaning="All that exist"
        value={count(figures.organisations)}
        note={`${count(figures.users)} people, ${count(figures.active_keys)} keys`}
      />
      <Stat
        label="Requests this month"
        meaning="Of all organisations, since the first of the month"
        value={count(figures.month.requests)}
        note={`${cents(figures.month.cost_usd)} cost, ${cents(figures.month.charge_usd)} charged`}
      />
    </dl>
  );
}
