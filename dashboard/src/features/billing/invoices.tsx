import type { ColumnDef } from "@tanstack/react-table";

import { Badge } from "@/components/badge";
import { PAGED, PageList } from "@/components/page_list";
import { query, type Schema } from "@/lib/api/client";
import { dollars } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { day } from "@/lib/time";

type Invoice = Schema["InvoiceShown"];

const COLUMNS: ColumnDef<Invoice>[] = [
  { id: "number", header: "Invoice", cell: ({ row }) => row.original.number || row.original.id },
  { id: "date", header: "Date", cell: ({ row }) => day(row.original.created_at) },
  {
    id: "status",
    header: "Status",
    cell: ({ row }) => <Badge tone={row.original.status === "paid" ? "good" : "soon"}>{row.original.status}</Badge>,
  },
  { id: "total", header: "Total", meta: { right: true }, cell: ({ row }) => dollars(row.original.total_usd) },
  {
    id: "pdf",
    header: "PDF",
    meta: { right: true },
    cell: ({ row: { original } }) =>
      original.pdf_url ? (
        <a href={original.pdf_url} className="text-accent underline underline-offset-2" rel="noreferrer">
          Download
        </a>
      ) : null,
  },
];

export function Invoices({ stripe }: { stripe: boolean }) {
  const org = useOrg();
  const asked = query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/billing/invoices",
    { params: { path: { org: org.slug }, query: { limit: 20 } } },
    { ...PAGED, refetchOnMount: "always" },
  );
  const empty = (
    <p className="text-muted">
      {stripe
        ? "No invoices yet. The first comes with the first paid plan or charge."
        : "This gateway takes no payments, so there are no invoices."}
    </p>
  );
  return <PageList label="Invoices" asked={asked} columns={COLUMNS} idOf={(one) => one.id} empty={empty} />;
}
