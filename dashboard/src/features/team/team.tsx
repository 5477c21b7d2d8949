import { useQueryClient } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { UserPlus } from "lucide-react";
import { useState } from "react";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { Confirm } from "@/components/dialog";
import { Choice } from "@/components/field";
import { PAGED, PageList } from "@/components/page_list";
import { Empty } from "@/components/states";
import { useTell } from "@/components/toast";
import { When } from "@/components/when";
import { Invite } from "@/features/team/invite";
import { Invitations } from "@/features/team/invitations";
import { outranks, rolesFrom } from "@/features/team/roles";
import { query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { useMe, useOrg } from "@/lib/me";

type Member = Schema["MemberShown"];

/** Who belongs to the organisation, and who is invited. */
export function Team() {
  const org = useOrg();
  const me = useMe();
  const tell = useTell();
  const queries = useQueryClient();
  const [inviting, setInviting] = useState(false);
  const [removing, setRemoving] = useState<Member | null>(null);
  const path = { org: org.slug };
  const asked = query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/members",
    { params: { path, query: { limit: 50 } } },
    PAGED,
  );
  const again = () => queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/members"] });
  const changeRole = query.useMutation("patch", "/api/v1/orgs/{org}/members/{user_id}", {
    onSuccess: async (_, { params, body }) => {
      await again();
      tell(`${nameOf(params.path.user_id)} is ${body.role} now`);
    },
    onError: (error) => tell(wordsOf(error)),
  });
  const remove = query.useMutation("delete", "/api/v1/orgs/{org}/members/{user_id}", {
    onSuccess: async () => {
      setRemoving(null);
      await again();
    },
  });
  const nameOf = (id: string): string =>
    asked.data?.pages.flatMap((page) => page.data).find((member) => member.user_id === id)?.email ?? id;
  const mayWrite = org.permissions.includes("members:write");
  const mayChange = (member: Member): boolean =>
    mayWrite && member.user_id !== me?.user.id && outranks(org.role, member.role);
  const columns: ColumnDef<Member>[] = [
    {
      id: "who",
      header: "Member",
      cell: ({ row: { original: member } }) => (
        <>
          <span className="font-medium">{member.name || member.email}</span>
          {member.name ? <span className="ml-2 text-faint">{member.email}</span> : null}
          {member.user_id === me?.user.id ? <span className="ml-2 text-caption text-faint">you</span> : null}
        </>
      ),
    },
    {
      id: "role",
      header: "Role",
      cell: ({ row: { original: member } }) =>
        mayChange(member) ? (
          <Choice
            aria-label={`Role of ${member.email}`}
            quiet
            value={member.role}
            choices={rolesFrom(org.role)}
            disabled={changeRole.isPending}
            onChange={(role) =>
              changeRole.mutate({ params: { path: { ...path, user_id: member.user_id } }, body: { role } })
            }
          />
        ) : (
          <Badge>{member.role}</Badge>
        ),
    },
    {
      id: "since",
      header: "Since",
      meta: { wideOnly: true },
      cell: ({ row }) => <When time={row.original.joined_at} />,
    },
    {
      id: "acts",
      header: () => <span className="sr-only">Acts</span>,
      meta: { right: true },
      cell: ({ row: { original: member } }) =>
        mayChange(member) ? (
          <Button kind="ghost" onClick={() => setRemoving(member)}>
            Remove
          </Button>
        ) : null,
    },
  ];
  const invite = mayWrite ? (
    <Button kind="primary" onClick={() => setInviting(true)} icon={<UserPlus aria-hidden className="size-4" />}>
      Invite
    </Button>
  ) : null;
  return (
    <>
      <PageHead
        title="Team"
        answer={
          mayWrite
            ? "Members, what they may do, and who is invited."
            : "Members and what they may do. Admins and owners can change it."
        }
        action={invite}
      />
      <div className="flex flex-col gap-4">
        <Card title="Members">
          <PageList
            label="Members"
            asked={asked}
            columns={columns}
            idOf={(member) => member.user_id}
            empty={<Empty title="No members">Nobody belongs to this organisation.</Empty>}
          />
        </Card>
        {mayWrite ? <Invitations /> : null}
      </div>
      {inviting ? <Invite onClose={() => setInviting(false)} /> : null}
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={`Remove ${removing?.email ?? ""}`}
        act="Remove member"
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => removing && remove.mutate({ params: { path: { ...path, user_id: removing.user_id } } })}
      >
        They lose access at once, and the keys that they made end. You can invite them again.
      </Confirm>
    </>
  );
}
