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
import { useTell } from "@/components/toast";
import { When } from "@/components/when";
import { CredentialForm } from "@/features/providers/credential_form";
import { query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { useOrg } from "@/lib/me";

type Credential = Schema["CredentialShown"];

/** Keys of providers that the organisation brings. */
export function Providers() {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Credential | null>(null);
  const path = { org: org.slug };
  const asked = query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/credentials",
    { params: { path, query: { limit: 50 } } },
    PAGED,
  );
  const again = () => queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/credentials"] });
  const check = query.useMutation("post", "/api/v1/orgs/{org}/credentials/{credential_id}/check", {
    onSuccess: async (done) => {
      await again();
      tell(`${done.name}: ${done.check_result ?? "checked"}`);
    },
    onError: (error) => tell(wordsOf(error)),
  });
  const remove = query.useMutation("delete", "/api/v1/orgs/{org}/credentials/{credential_id}", {
    onSuccess: async () => {
      setRemoving(null);
      await again();
    },
  });
  const may = org.permissions.includes("credentials:write");
  const columns: ColumnDef<Credential>[] = [
    {
      id: "provider",
      header: "Provider",
      cell: ({ row }) => <span className="font-medium">{row.original.provider}</span>,
    },
    { id: "name", header: "Name", cell: ({ row }) => row.original.name },
    {
      id: "secret",
      header: "Key",
      cell: ({ row }) => <span className="font-mono text-caption">…{row.original.last4}</span>,
    },
    {
      id: "check",
      header: "Last check",
      cell: ({ row: { original } }) =>
        original.checked_at ? (
          <span className="flex flex-wrap items-center gap-2">
            <Badge>{original.check_result ?? "not tried"}</Badge> <When time={original.checked_at} />
          </span>
        ) : (
          "not tried"
        ),
    },
    {
      id: "acts",
      header: () => <span className="sr-only">Acts</span>,
      meta: { right: true },
      cell: ({ row: { original } }) =>
        may ? (
          <span className="inline-flex gap-1">
            <Button
              kind="ghost"
              busy={check.isPending && check.variables.params.path.credential_id === original.id}
              onClick={() => check.mutate({ params: { path: { ...path, credential_id: original.id } } })}
            >
              Check
            </Button>
            <Button kind="ghost" onClick={() => setRemoving(original)}>
              Remove
            </Button>
          </span>
        ) : null,
    },
  ];
  const add = may ? (
    <Button kind="primary" onClick={() => setAdding(true)} icon={<Plus aria-hidden className="size-4" />}>
      Add a provider&apos;s key
    </Button>
  ) : null;
  return (
    <>
      <PageHead
        title="Providers"
        answer="Your own keys go before the gateway's, and their tokens are not charged by us. They are sealed: nobody reads them again."
        action={add}
      />
      <Card>
        <PageList
          label="Credentials"
          asked={asked}
          columns={columns}
          idOf={(one) => one.id}
          empty={
            <Empty title="No keys of providers" action={add}>
              Bring a key of OpenAI, Anthropic, Google or any of the others, and requests to their models go with it.
              Several keys of one provider share the load.
            </Empty>
          }
        />
      </Card>
      {adding ? <CredentialForm onClose={() => setAdding(false)} onDone={again} /> : null}
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={`Remove ${removing?.name ?? ""}`}
        act="Remove key"
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => removing && remove.mutate({ params: { path: { ...path, credential_id: removing.id } } })}
      >
        Requests go with the other credentials from now on. The key itself stays valid at {removing?.provider}.
      </Confirm>
    </>
  );
}
