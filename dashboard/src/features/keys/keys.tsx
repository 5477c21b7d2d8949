import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { KeyRound, MoreHorizontal } from "lucide-react";
import { useState } from "react";

import { Badge } from "@/components/badge";
import { Button, IconButton } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { Mono } from "@/components/copy";
import { Menu, MenuItem } from "@/components/menu";
import { PAGED, PageList } from "@/components/page_list";
import { Empty } from "@/components/states";
import { When } from "@/components/when";
import { KeyForm } from "@/features/keys/key_form";
import { RevokeKey } from "@/features/keys/revoke_key";
import { RotateKey } from "@/features/keys/rotate_key";
import { ShownOnce } from "@/features/keys/shown_once";
import { budgetOf, limitsOf } from "@/features/keys/words";
import { query, type Schema } from "@/lib/api/client";
import { budgetsSet } from "@/lib/budgets";
import { dollars } from "@/lib/format";
import { useMe, useOrg } from "@/lib/me";
import { projectsOptions } from "@/lib/org_queries";
import { spanStarts, useSpent } from "@/lib/spent";

type Key = Schema["KeyShown"];
type Doing = { act: "make" } | { act: "edit" | "rotate" | "revoke"; key: Key } | { act: "show"; secret: string };

/** The organisation's API keys. */
export function Keys() {
  const org = useOrg();
  const me = useMe();
  const queries = useQueryClient();
  const [doing, setDoing] = useState<Doing | null>(null);
  const asked = query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/keys",
    { params: { path: { org: org.slug }, query: { limit: 50 } } },
    PAGED,
  );
  const projects = useQuery(projectsOptions(org.slug)).data?.data ?? [];
  const projectOf = (key: Key) =>
    key.project_id === null ? (
      <span className="text-faint">none</span>
    ) : (
      (projects.find((project) => project.id === key.project_id)?.name ?? key.project_id)
    );
  const spentOf = useSpentOf(asked.data);
  const close = (): void => setDoing(null);
  const changed = async (secret?: string): Promise<void> => {
    setDoing(secret ? { act: "show", secret } : null);
    await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/keys"] });
  };
  const mayMake = org.permissions.includes("keys:create");
  const mayChange = (key: Key): boolean =>
    key.revoked_at === null && (org.permissions.includes("keys:manage") || (mayMake && key.created_by === me?.user.id));
  const make = mayMake ? (
    <Button kind="primary" onClick={() => setDoing({ act: "make" })} icon={<KeyRound aria-hidden className="size-4" />}>
      New key
    </Button>
  ) : null;
  const columns: ColumnDef<Key>[] = [
    ...COLUMNS,
    {
      id: "budget",
      header: "Budget",
      meta: { wideOnly: true },
      cell: ({ row: { original: key } }) => <Budget of={key} spent={spentOf(key)} />,
    },
    { id: "project", header: "Project", meta: { wideOnly: true }, cell: ({ row }) => projectOf(row.original) },
    { id: "used", header: "Last used", cell: ({ row }) => <When time={row.original.last_used_at} /> },
    {
      id: "acts",
      header: () => <span className="sr-only">Acts</span>,
      meta: { right: true },
      cell: ({ row: { original: key } }) =>
        mayChange(key) ? <Acts keyShown={key} onAct={(act) => setDoing({ act, key })} /> : null,
    },
  ];
  return (
    <>
      <PageHead
        title="Keys"
        answer={
          mayMake
            ? "A key is what an application sends. Its limits and budget hold in every process at once."
            : "A key is what an application sends. Members, admins and owners can make them."
        }
        action={make}
      />
      <Card>
        <PageList
          label="API keys"
          asked={asked}
          columns={columns}
          idOf={(key) => key.id}
          onOpen={(key) => mayChange(key) && setDoing({ act: "edit", key })}
          empty={
            <Empty title="No keys yet" action={make}>
              Make one for each application, with limits and a budget of its own: then a bill explains itself, and a
              leak ends with one key.
            </Empty>
          }
        />
      </Card>
      {doing?.act === "make" ? <KeyForm onClose={close} onDone={(secret) => void changed(secret)} /> : null}
      {doing?.act === "edit" ? <KeyForm of={doing.key} onClose={close} onDone={() => void changed()} /> : null}
      {doing?.act === "rotate" ? (
        <RotateKey of={doing.key} onClose={close} onDone={(secret) => void changed(secret)} />
      ) : null}
      {doing?.act === "revoke" ? <RevokeKey of={doing.key} onClose={close} onDone={() => void changed()} /> : null}
      {doing?.act === "show" ? <ShownOnce secret={doing.secret} onClose={close} /> : null}
    </>
  );
}

function Acts({ keyShown, onAct }: { keyShown: Key; onAct: (act: "edit" | "rotate" | "revoke") => void }) {
  const trigger = (
    <IconButton label={`Acts on ${keyShown.name}`}>
      <MoreHorizontal aria-hidden className="size-4" />
    </IconButton>
  );
  return (
    <Menu trigger={trigger}>
      <MenuItem onSelect={() => onAct("edit")}>Edit</MenuItem>
      <MenuItem onSelect={() => onAct("rotate")}>Rotate secret</MenuItem>
      <MenuItem danger onSelect={() => onAct("revoke")}>
        Revoke key
      </MenuItem>
    </Menu>
  );
}

function isBudgeted(key: Key): boolean {
  return budgetsSet(key.budgets).length > 0;
}

/** What each key cost this month; it is asked when one of them has a budget. */
function useSpentOf(shown: { pages: { data: Key[] }[] } | undefined): (key: Key) => number | undefined {
  const org = useOrg();
  const wanted =
    org.permissions.includes("usage:read") && (shown?.pages ?? []).some((page) => page.data.some(isBudgeted));
  const rows = useSpent(org.slug, "key", spanStarts(new Date()).month, wanted).data?.data;
  return (key) => rows && Number(rows.find((row) => row.group === key.id)?.cost_usd ?? 0);
}

/** What it may cost, and of a key that has a budget what it cost this month. */
function Budget({ of: key, spent }: { of: Key; spent: number | undefined }) {
  if (!isBudgeted(key)) return budgetOf(key);
  return (
    <>
      {budgetOf(key)}
      <span className="tabular block min-h-4 text-caption text-faint">
        {spent === undefined ? null : `${dollars(spent)} spent this month`}
      </span>
    </>
  );
}

function stateOf(key: Key) {
  if (key.revoked_at) return <Badge tone="bad">revoked</Badge>;
  if (key.expires_at && Date.parse(key.expires_at) < Date.now()) return <Badge tone="soon">expired</Badge>;
  return key.test ? <Badge tone="info">test</Badge> : <Badge tone="good">live</Badge>;
}

const COLUMNS: ColumnDef<Key>[] = [
  { id: "name", header: "Name", cell: ({ row }) => <span className="font-medium">{row.original.name}</span> },
  {
    id: "secret",
    header: "Key",
    meta: { phone: "bare" },
    cell: ({ row: { original: key } }) => (
      <>
        <Mono title="Its first and last characters; the rest is kept nowhere">{`${key.prefix}…${key.last4}`}</Mono>
        {key.secrets.length > 1 ? <span className="ml-2 text-caption text-amber">two secrets live</span> : null}
      </>
    ),
  },
  { id: "state", header: "State", meta: { phone: "bare" }, cell: ({ row }) => stateOf(row.original) },
  { id: "limits", header: "Limits", meta: { wideOnly: true }, cell: ({ row }) => limitsOf(row.original) },
];
