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
import { outcomeOf } from "@/features/providers/outcome";
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
  const known = query.useQuery("get", "/api/v1/public/providers", {}, { staleTime: Infinity }).data?.data;
  const titleOf = (provider: string): string => known?.find((one) => one.id === provider)?.title ?? provider;
  const again = () => queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/credentials"] });
  const check = query.useMutation("post", "/api/v1/orgs/{org}/credentials/{credential_id}/check", {
    onSuccess: async (done) => {
      await again();
      tell(`${done.name} ${outcomeOf(done).said}`);
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
      cell: ({ row }) => <span className="font-medium">{titleOf(row.original.provider)}</span>,
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
      meta: { phone: "bare" },
      cell: ({ row }) => <LastCheck of={row.original} />,
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
        Requests go with the other credentials from now on. The key itself stays valid at{" "}
        {titleOf(removing?.provider ?? "")}.
      </Confirm>
    </>
  );
}

/** How it went, with what was said in a line of its own that opens. */
function LastCheck({ of: credential }: { of: Credential }) {
  const { tone, title, detail } = outcomeOf(credential);
  return (
    <span className="flex min-w-0 flex-wrap items-center gap-x-2 gap-y-1">
      <Badge tone={tone}>{title}</Badge>
      {/* What could not be tried has no time of its own but that of its making. */}
      {credential.check_result ? <When time={credential.checked_at ?? credential.created_at} /> : null}
      {detail ? (
        <details className="basis-full text-caption text-faint">
          <summary className="cursor-pointer">What was said</summary>
          <span className="break-words whitespace-normal">{detail}</span>
        </details>
      ) : null}
    </span>
  );
}
