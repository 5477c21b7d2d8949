import { useQueryClient } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { SkeletonRows } from "@/components/states";
import { DataTable } from "@/components/table";
import { useTell } from "@/components/toast";
import { When } from "@/components/when";
import { deviceOf } from "@/features/profile/device";
import { query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";

type Session = Schema["SessionShown"];

/** Where one is logged in. */
export function Sessions() {
  const tell = useTell();
  const queries = useQueryClient();
  const asked = query.useQuery("get", "/api/v1/me/sessions");
  const again = () => queries.invalidateQueries({ queryKey: ["get", "/api/v1/me/sessions"] });
  const end = query.useMutation("delete", "/api/v1/me/sessions/{session_id}", {
    onSuccess: async () => {
      await again();
      tell("The session is ended");
    },
    onError: (error) => tell(wordsOf(error)),
  });
  const columns: ColumnDef<Session>[] = [
    {
      id: "agent",
      header: "Device",
      cell: ({ row: { original } }) => (
        <span className="flex flex-wrap items-center gap-2">
          <span className="max-w-72 truncate" title={original.agent}>
            {deviceOf(original.agent)}
          </span>
          {original.current ? <Badge tone="good">this one</Badge> : null}
        </span>
      ),
    },
    { id: "address", header: "Address", cell: ({ row }) => row.original.address },
    { id: "used", header: "Last used", cell: ({ row }) => <When time={row.original.last_used_at} /> },
    {
      id: "acts",
      header: () => <span className="sr-only">Acts</span>,
      meta: { right: true },
      cell: ({ row: { original } }) =>
        original.current ? null : (
          <Button kind="ghost" onClick={() => end.mutate({ params: { path: { session_id: original.id } } })}>
            End
          </Button>
        ),
    },
  ];
  return (
    <Card title="Sessions">
      {asked.data ? (
        <DataTable label="Sessions" columns={columns} rows={asked.data.data} idOf={(one) => one.id} />
      ) : (
        <SkeletonRows rows={2} />
      )}
    </Card>
  );
}
