import type { ColumnDef } from "@tanstack/react-table";
import { Link } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";

import { Button, buttonClasses } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { PAGED, PageList } from "@/components/page_list";
import { Failure, SkeletonRows } from "@/components/states";
import { Answer } from "@/features/budgets/answer";
import { DeleteProject } from "@/features/budgets/delete_project";
import { Meters } from "@/features/budgets/meters";
import { OrgBudget } from "@/features/budgets/org_budget";
import { ProjectForm } from "@/features/budgets/project_form";
import { useSpending } from "@/features/budgets/spending";
import { query, type Schema } from "@/lib/api/client";
import { budgetsSet } from "@/lib/budgets";
import { useOrg } from "@/lib/me";

type Project = Schema["ProjectShown"];

/** What may be spent, and how much of it is. */
export function Budgets() {
  const org = useOrg();
  const path = { org: org.slug };
  const [editing, setEditing] = useState<Project | "new" | null>(null);
  const [ending, setEnding] = useState<Project | null>(null);
  const shown = query.useQuery("get", "/api/v1/orgs/{org}", { params: { path } });
  const projects = query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/projects",
    { params: { path, query: { limit: 50 } } },
    PAGED,
  );
  const set = [shown.data, ...(projects.data?.pages ?? []).flatMap((page) => page.data)];
  const wanted = new Set(set.flatMap((one) => budgetsSet(one?.budgets).map(([span]) => span)));
  const spending = useSpending(org.slug, shown.data?.created_at, wanted);
  const may = org.permissions.includes("projects:write");
  const columns: ColumnDef<Project>[] = [
    { id: "name", header: "Project", cell: ({ row }) => <span className="font-medium">{row.original.name}</span> },
    {
      id: "meters",
      header: "Budgets",
      cell: ({ row: { original } }) => (
        <Meters
          spent={(span) => spending.ofProject(original.id, span)}
          budgets={original.budgets}
          name={original.name}
        />
      ),
    },
    {
      id: "acts",
      header: () => <span className="sr-only">Acts</span>,
      meta: { right: true },
      cell: ({ row: { original } }) =>
        may ? (
          <span className="inline-flex gap-1">
            <Button kind="ghost" onClick={() => setEditing(original)}>
              Edit
            </Button>
            <Button kind="ghost" onClick={() => setEnding(original)}>
              Delete
            </Button>
          </span>
        ) : null,
    },
  ];
  const add = may ? (
    <Button onClick={() => setEditing("new")} icon={<Plus aria-hidden className="size-4" />}>
      New project
    </Button>
  ) : null;
  if (shown.error) return <Failure error={shown.error} retry={() => void shown.refetch()} />;
  return (
    <>
      <PageHead
        title="Budgets"
        answer={
          <Answer
            budgets={shown.data?.budgets}
            spent={spending.ofOrg}
            failed={spending.error !== undefined}
            charged={spending.charged}
          />
        }
      />
      <div className="flex flex-col gap-4">
        {spending.error ? <Failure error={spending.error} retry={spending.retry} /> : null}
        <Card title="Organisation">
          {shown.data ? <OrgBudget org={shown.data} spent={spending.ofOrg} /> : <SkeletonRows rows={5} />}
        </Card>
        <Card title="Projects" action={add}>
          <PageList
            label="Projects"
            asked={projects}
            columns={columns}
            idOf={(project) => project.id}
            empty={<p className="text-muted">No projects. A project groups keys that share budgets and limits.</p>}
          />
        </Card>
        <Card title="Keys">
          <p className="mb-3 text-muted">Each key can have a budget a day, a month and in all, hard or soft.</p>
          <Link to="/o/$org/keys" params={{ org: org.slug }} className={buttonClasses()}>
            Budgets of keys
          </Link>
        </Card>
      </div>
      {editing ? (
        <ProjectForm {...(editing === "new" ? {} : { of: editing })} onClose={() => setEditing(null)} />
      ) : null}
      {ending ? <DeleteProject of={ending} onClose={() => setEnding(null)} /> : null}
    </>
  );
}
