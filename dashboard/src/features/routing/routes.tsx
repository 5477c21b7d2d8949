import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { Plus } from "lucide-react";
import { useState } from "react";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { Confirm } from "@/components/dialog";
import { Empty, Failure, SkeletonRows } from "@/components/states";
import { DataTable } from "@/components/table";
import { type Alias, aliasesOf } from "@/features/routing/aliases";
import { Explain } from "@/features/routing/explain";
import { ProviderHealth } from "@/features/routing/health";
import { RouteForm } from "@/features/routing/route_form";
import { query, type Schema } from "@/lib/api/client";
import { useMay, useOrg } from "@/lib/me";
import { modelsOptions, routesOptions } from "@/lib/org_queries";

type Route = Schema["RouteShown"];

/** Names of the organisation's own, and what they stand for. */
export function Routes() {
  const org = useOrg();
  const may = useMay("routes:write");
  const queries = useQueryClient();
  const [editing, setEditing] = useState<Route | "new" | null>(null);
  const [ending, setEnding] = useState<Route | null>(null);
  const asked = useQuery(routesOptions(org.slug));
  const models = useQuery(modelsOptions(org.slug));
  const aliases = aliasesOf(asked.data?.data ?? [], models.data?.data ?? []);
  const remove = query.useMutation("delete", "/api/v1/orgs/{org}/routes/{alias}", {
    onSuccess: async () => {
      setEnding(null);
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/routes"] });
      await queries.invalidateQueries({ queryKey: modelsOptions(org.slug).queryKey });
    },
  });
  const columns: ColumnDef<Alias>[] = [
    {
      id: "alias",
      header: "Alias",
      cell: ({ row: { original } }) => <span className="font-mono text-caption font-medium">{original.name}</span>,
    },
    {
      id: "strategy",
      header: "Strategy",
      meta: { phone: "bare" },
      cell: ({ row: { original } }) => <Badge>{original.own?.strategy ?? "gateway.yaml"}</Badge>,
    },
    {
      id: "targets",
      header: "Targets",
      cell: ({ row }) => <Targets of={row.original.own} />,
    },
    {
      id: "acts",
      header: () => <span className="sr-only">Acts</span>,
      meta: { right: true },
      cell: ({
        row: {
          original: { own },
        },
      }) =>
        may && own ? (
          <span className="inline-flex gap-1">
            <Button kind="ghost" onClick={() => setEditing(own)}>
              Edit
            </Button>
            <Button kind="ghost" onClick={() => setEnding(own)}>
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
          {asked.error ? (
            <Failure error={asked.error} retry={() => void asked.refetch()} />
          ) : asked.isPending || models.isPending ? (
            <SkeletonRows rows={5} />
          ) : aliases.length > 0 ? (
            <DataTable label="Routes" columns={columns} rows={aliases} idOf={(alias) => alias.own?.id ?? alias.name} />
          ) : (
            <Empty title="No aliases yet" action={add}>
              Make one such as &quot;smart&quot; for two models of two providers, and ask for &quot;smart&quot;: an
              outage of one is answered by the other. Targets can also be weighed, or chosen by price or speed.
            </Empty>
          )}
        </Card>
        <ProviderHealth />
        <Explain />
      </div>
      {editing ? (
        <RouteForm
          key={editing === "new" ? "new" : editing.id}
          {...(editing === "new" ? {} : { of: editing })}
          onClose={() => setEditing(null)}
          onEdit={setEditing}
        />
      ) : null}
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

function Targets({ of: route }: { of: Route | null }) {
  if (!route) return <span className="text-faint">From gateway.yaml, for all organisations; changed there.</span>;
  return (
    <ol className="flex flex-col gap-0.5">
      {route.targets.map((target, place) => (
        <li key={place}>
          <span className="text-faint">{place + 1}.</span> {target.provider}/{target.model}
          {route.strategy === "weighted" ? <span className="text-faint"> · weight {target.weight}</span> : null}
          {target.price ? (
            <span className="tabular text-faint">
              {" "}
              · own price ${target.price.input} and ${target.price.output} per million
            </span>
          ) : null}
        </li>
      ))}
    </ol>
  );
}
