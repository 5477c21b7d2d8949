import type { ColumnDef } from "@tanstack/react-table";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useState } from "react";

import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { CodeBlock, Mono } from "@/components/copy";
import { download } from "@/components/csv";
import { Dialog } from "@/components/dialog";
import { INPUT } from "@/components/field";
import { PAGED, PageList } from "@/components/page_list";
import { Empty } from "@/components/states";
import { useTell } from "@/components/toast";
import { When } from "@/components/when";
import { api, query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { useOrg } from "@/lib/me";
import { exact } from "@/lib/time";

type Entry = Schema["AuditEntry"];

/** Who did what, when, and from where. */
export function Audit() {
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
  const nameOf = (entry: Entry): string =>
    members.find((member) => member.user_id === entry.actor_id)?.email ?? entry.actor_id ?? entry.actor_kind;
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
    { id: "time", header: "When", cell: ({ row }) => <When time={row.original.created_at} /> },
    { id: "who", header: "Who", cell: ({ row }) => nameOf(row.original) },
    { id: "action", header: "Act", cell: ({ row }) => <Mono>{row.original.action}</Mono> },
    {
      id: "target",
      header: "On",
      meta: { wideOnly: true },
      cell: ({ row }) => (row.original.target ? <Mono>{row.original.target}</Mono> : "—"),
    },
    { id: "from", header: "From", meta: { wideOnly: true }, cell: ({ row }) => row.original.address ?? "—" },
  ];
  const icon = <Download aria-hidden className="size-4" />;
  return (
    <>
      <PageHead
        title="Audit"
        answer="Who did what, when, from where, with what stood before and after."
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
      <ActionFilter
        key={action ?? ""}
        value={action ?? ""}
        onSet={(next) => void navigate({ to: ".", search: next ? { ...filters, action: next } : {}, replace: true })}
      />
      <Card>
        <PageList
          label="Audit log"
          asked={asked}
          columns={columns}
          idOf={(entry) => entry.id}
          onOpen={setOpen}
          empty={
            <Empty title="Nothing was recorded">Each change to keys, people, routes and money is recorded here.</Empty>
          }
        />
      </Card>
      {open ? (
        <Dialog
          open
          wide
          onClose={() => setOpen(null)}
          title={open.action}
          description={`${nameOf(open)}, ${exact(open.created_at)}`}
        >
          <div className="flex flex-col gap-4">
            <CodeBlock label="before" code={JSON.stringify(open.before ?? "nothing stood before", null, 2)} />
            <CodeBlock label="after" code={JSON.stringify(open.after ?? "nothing stands after", null, 2)} />
          </div>
        </Dialog>
      ) : null}
    </>
  );
}

function ActionFilter({ value, onSet }: { value: string; onSet: (action: string) => void }) {
  const [text, setText] = useState(value);
  return (
    <input
      aria-label="Act"
      placeholder="Act, such as key.create"
      className={`${INPUT} mb-4 w-64!`}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => text !== value && onSet(text.trim())}
      onKeyDown={(event) => event.key === "Enter" && onSet(text.trim())}
    />
  );
}
