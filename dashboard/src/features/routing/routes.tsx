import { useQueryClient } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { Plus } from "lucide-react";
import { useState } from "react";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { Confirm } from "@/components/dialog";
import { PAGED, PageList } from "@/components/page_list";
import { Empty } from "@/components/states";
import { Explain } from "@/features/routing/explain";
import { ProviderHealth } from "@/features/routing/health";
import { RouteForm } from "@/features/routing/route_form";
import { query, type Schema } from "@/lib/api/client";
import { useMay, useOrg } from "@/lib/me";

type Route = Schema["RouteShown"];

/** Names of the organisation's own, and what they stand for. */
export function Routes() {
  const org = useOrg();
  const may = useMay("routes:write");
  const queries = useQueryClient();
  const [editing, setEditing] = useState<Route | "new" | null>(null);
  const [ending, setEnding] = useState<Route | null>(null);
  const asked = query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/routes",
    { params: { path: { org: org.slug }, query: { limit: 50 } } },
    PAGED,
  );
  const remove = query.useMutation("delete", "/api/v1/orgs/{org}/routes/{alias}", {
    onSuccess: async () => {
      setEnding(null);
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/routes"] });
    },
  });
  const columns: ColumnDef<Route>[] = [
    {
      id: "alias",
      header: "Alias",
      cell: ({ row }) => <span className="font-mono text-caption font-medium">{row.original.alias}</span>,
    },
    { id: "strategy", header: "Strategy", cell: ({ row }) => <Badge>{row.original.strategy}</Badge> },
    {
      id: "targets",
      header: "Targets",
      cell: ({ row: { original } }) => (
        <ol className="flex flex-col gap-0.5">
          {original.targets.map((target, place) => (
            <li key={place}>
              <span className="text-faint">{place + 1}.</span> {target.provider}/{target.model}
              {original.strategy === "weighted" ? <span className="text-faint"> · weight {target.weight}</span> : null}
            </li>
          ))}
        </ol>
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
    <Button kind="primary" onClick={() => setEditing("new")} icon={<Plus aria-hidden className="size-4" />}>
      New alias
    </Button>
  ) : null;
  return (
    <>
      <PageHead
        title="Routes"
        answer="An alias is a name for several targets: when one fails, the next answers, and callers see nothing of it."
        action={add}
      />
      <div className="flex flex-col gap-4">
        <Card>
          <PageList
            label="Routes"
            asked={asked}
            columns={columns}
            idOf={(route) => route.id}
            empty={
              <Empty title="No aliases yet" action={add}>
                Make one such as &quot;smart&quot; for two models of two providers, and ask for &quot;smart&quot;: an
                outage of one is answered by the other. Targets can also be weighed, or chosen by price or speed.
              </Empty>
            }
          />
        </Card>
        <ProviderHealth />
        <Explain />
      </div>
      {editing ? <RouteForm {...(editing === "new" ? {} : { of: editing })} onClose={() => setEditing(null)} /> : null}
      <Confirm
        open={ending !== null}
        onClose={() => setEnding(null)}
        title={`Delete ${ending?.alias ?? ""}`}
        act="Delete alias"
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => ending && remove.mutate({ params: { path: { org: org.slug, alias: ending.alias } } })}
      >
        Requests that ask for it are refused from now on, unless the gateway has an alias of the same name.
      </Confirm>
    </>
  );
}
