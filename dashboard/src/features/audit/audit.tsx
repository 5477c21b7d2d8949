import { useQuery } from "@tanstack/react-query";
import type { ColumnDef } from "@tanstack/react-table";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useState } from "react";

import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { Mono } from "@/components/copy";
import { download } from "@/components/csv";
import { Choice } from "@/components/field";
import { PAGED, PageList } from "@/components/page_list";
import { Empty, Forbidden } from "@/components/states";
import { useTell } from "@/components/toast";
import { When } from "@/components/when";
import { actChoices, actWords, nameIn } from "@/features/audit/acts";
import { EntryDialog } from "@/features/audit/entry_dialog";
import { api, query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { useMay, useOrg } from "@/lib/me";
import { keysOptions } from "@/lib/org_queries";

type Entry = Schema["AuditEntry"];

const ANSWER = "Who did what, when, from where, with what stood before and after.";

/** Who did what, when, and from where. */
export function Audit() {
  if (useMay("audit:read")) return <Trail />;
  return (
    <>
      <PageHead title="Audit" answer={ANSWER} />
      <Forbidden>Owners and admins may read what was done here. Ask one of them.</Forbidden>
    </>
  );
}

function Trail() {
  const org = useOrg();
  const tell = useTell();
  const { action, actor } = useSearch({ strict: false });
  const filters = { ...(action ? { action } : {}), ...(actor ? { actor } : {}) };
  const navigate = useNavigate();
  const [open, setOpen] = useState<Entry | null>(null);
  const path = { org: org.slug };
  const asked = query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/audit",
    { params: { path, query: { ...filters, limit: 50 } } },
    PAGED,
  );
  const members = query.useQuery("get", "/api/v1/orgs/{org}/members", { params: { path } }).data?.data ?? [];
  const keys = useQuery({ ...keysOptions(org.slug), enabled: org.permissions.includes("keys:read") }).data?.data ?? [];
  const emailOf = (id: string | null) => members.find((member) => member.user_id === id)?.email;
  const nameOf = (entry: Entry): string => emailOf(entry.actor_id) ?? entry.actor_id ?? entry.actor_kind;
  const onWhat = (entry: Entry): string | undefined => {
    if (entry.target === org.id) return org.name;
    const known = keys.find((key) => key.id === entry.target)?.name ?? emailOf(entry.target);
    return known ?? nameIn(entry) ?? undefined;
  };
  const choose = (next: string): void =>
    void navigate({ to: ".", search: { ...(actor ? { actor } : {}), ...(next ? { action: next } : {}) } });
  const save = async (format: "csv" | "jsonl"): Promise<void> => {
    try {
      const { data } = await api.GET("/api/v1/orgs/{org}/audit", {
        params: { path, query: { ...filters, format } },
        parseAs: "text",
      });
      download(`audit-${org.slug}.${format}`, String(data), format === "csv" ? "text/csv" : "application/jsonl");
    } catch (error) {
      tell(wordsOf(error));
    }
  };
  const columns: ColumnDef<Entry>[] = [
    {
      id: "time",
      header: "When",
      meta: { phone: "aside" },
      cell: ({ row }) => <When time={row.original.created_at} />,
    },
    {
      id: "action",
      header: "Act",
      meta: { phone: "title" },
      cell: ({ row: { original } }) => (
        <span className="font-medium" title={original.action}>
          {actWords(original.action)}
        </span>
      ),
    },
    { id: "target", header: "On", cell: ({ row }) => <Target of={row.original} name={onWhat(row.original)} /> },
    { id: "who", header: "By", cell: ({ row }) => nameOf(row.original) },
    { id: "from", header: "From", meta: { wideOnly: true }, cell: ({ row }) => row.original.address ?? "—" },
  ];
  const icon = <Download aria-hidden className="size-4" />;
  return (
    <>
      <PageHead
        title="Audit"
        answer={ANSWER}
        action={
          <>
            <Button icon={icon} onClick={() => void save("csv")}>
              CSV
            </Button>
            <Button icon={icon} onClick={() => void save("jsonl")}>
              JSON Lines
            </Button>
          </>
        }
      />
      <Choice
        quiet
        aria-label="Act"
        className="mb-4 max-w-72!"
        value={action ?? ""}
        choices={actChoices(action ?? "")}
        onChange={choose}
      />
      <Card>
        <PageList
          label="Audit log"
          asked={asked}
          columns={columns}
          idOf={(entry) => entry.id}
          onOpen={setOpen}
          empty={<Nothing clear={action || actor ? () => void navigate({ to: ".", search: {} }) : null} />}
        />
      </Card>
      {open ? <EntryDialog of={open} who={nameOf(open)} onClose={() => setOpen(null)} /> : null}
    </>
  );
}

function Target({ of: { target }, name }: { of: Entry; name: string | undefined }) {
  if (name !== undefined)
    return (
      <span className="inline-block max-w-56 truncate align-bottom" title={target ?? name}>
        {name}
      </span>
    );
  return target ? <Mono title={target}>{target.length > 16 ? `…${target.slice(-8)}` : target}</Mono> : "—";
}

function Nothing({ clear }: { clear: (() => void) | null }) {
  if (!clear)
    return <Empty title="Nothing was recorded">Each change to keys, people, routes and money is recorded here.</Empty>;
  return (
    <Empty title="No act matches" action={<Button onClick={clear}>Show all acts</Button>}>
      Nothing of this kind was done, or it is no longer kept.
    </Empty>
  );
}
