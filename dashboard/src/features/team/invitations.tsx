import { useQueryClient } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { PAGED, PageList } from "@/components/page_list";
import { useTell } from "@/components/toast";
import { When } from "@/components/when";
import { query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { useOrg } from "@/lib/me";

type Invited = Schema["InvitationShown"];

function stateOf(invited: Invited) {
  if (invited.accepted_at) return <Badge tone="good">accepted</Badge>;
  if (invited.revoked_at) return <Badge>taken back</Badge>;
  if (Date.parse(invited.expires_at) < Date.now()) return <Badge tone="soon">expired</Badge>;
  return <Badge tone="info">waiting</Badge>;
}

/** Who was invited, and what became of it. */
export function Invitations() {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const path = { org: org.slug };
  const asked = query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/invitations",
    { params: { path, query: { limit: 20 } } },
    PAGED,
  );
  const done = (text: string) => ({
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/invitations"] });
      tell(text);
    },
    onError: (error: unknown) => tell(wordsOf(error)),
  });
  const resend = query.useMutation(
    "post",
    "/api/v1/orgs/{org}/invitations/{invitation_id}/resend",
    done("A new link is on its way"),
  );
  const revoke = query.useMutation(
    "delete",
    "/api/v1/orgs/{org}/invitations/{invitation_id}",
    done("The invitation is taken back"),
  );
  const columns: ColumnDef<Invited>[] = [
    { id: "email", header: "E-mail", cell: ({ row }) => row.original.email },
    { id: "role", header: "Role", cell: ({ row }) => <Badge>{row.original.role}</Badge> },
    { id: "state", header: "State", cell: ({ row }) => stateOf(row.original) },
    {
      id: "until",
      header: "Works until",
      meta: { wideOnly: true },
      cell: ({ row }) => <When time={row.original.expires_at} />,
    },
    {
      id: "acts",
      header: () => <span className="sr-only">Acts</span>,
      meta: { right: true },
      cell: ({ row: { original: one } }) =>
        one.accepted_at || one.revoked_at ? null : (
          <span className="inline-flex gap-1">
            <Button
              kind="ghost"
              onClick={() => resend.mutate({ params: { path: { ...path, invitation_id: one.id } } })}
            >
              Send again
            </Button>
            <Button
              kind="ghost"
              onClick={() => revoke.mutate({ params: { path: { ...path, invitation_id: one.id } } })}
            >
              Take back
            </Button>
          </span>
        ),
    },
  ];
  return (
    <Card title="Invitations">
      <PageList
        label="Invitations"
        asked={asked}
        columns={columns}
        idOf={(one) => one.id}
        empty={
          <p className="text-muted">Nobody is invited. Whom you invite gets a link by mail that works for a week.</p>
        }
      />
    </Card>
  );
}
