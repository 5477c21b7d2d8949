import type { ColumnDef } from "@tanstack/react-table";

import { Badge } from "@/components/badge";
import { PAGED, PageList } from "@/components/page_list";
import { query, type Schema } from "@/lib/api/client";
import { cents } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { utcDay } from "@/lib/time";

type Invoice = Schema["InvoiceShown"];

const LINK = "text-accent underline underline-offset-2";

const COLUMNS: ColumnDef<Invoice>[] = [
  { id: "number", header: "Invoice", cell: ({ row }) => row.original.number || row.original.id },
  { id: "date", header: "Date", cell: ({ row }) => utcDay(row.original.created_at) },
  {
    id: "status",
    header: "Status",
    cell: ({ row }) => <Badge tone={row.original.status === "paid" ? "good" : "soon"}>{row.original.status}</Badge>,
  },
  { id: "total", header: "Total", meta: { right: true }, cell: ({ row }) => cents(row.original.total_usd) },
  {
    id: "links",
    header: "Page",
    meta: { right: true },
    cell: ({ row: { original } }) => (
      <span className="inline-flex gap-3">
        {original.status === "open" && original.url ? (
          <a href={original.url} className={LINK} rel="noreferrer" aria-label={`Pay ${original.number}`}>
            Pay
          </a>
        ) : null}
        {original.pdf_url ? (
          <a href={original.pdf_url} className={LINK} rel="noreferrer" aria-label={`Download ${original.number}`}>
            PDF
          </a>
        ) : null}
      </span>
    ),
  },
];

export function useInvoices() {
  const org = useOrg();
  return query.useInfiniteQuery(
    "get",
    "/api/v1/orgs/{org}/billing/invoices",
    { params: { path: { org: org.slug }, query: { limit: 20 } } },
    { ...PAGED, refetchOnMount: "always" },
  );
}

/** The newest that waits to be paid. */
export function openInvoice(found: { pages: { data: Invoice[] }[] } | undefined): Invoice | undefined {
  return found?.pages.flatMap((page) => page.data).find((invoice) => invoice.status === "open");
}

export function Invoices({ stripe }: { stripe: boolean }) {
  const asked = useInvoices();
  const empty = (
    <p className="text-muted">
      {stripe
        ? "No invoices yet. The first comes with the first paid plan or charge."
        : "This gateway takes no payments, so there are no invoices."}
    </p>
  );
  return <PageList label="Invoices" asked={asked} columns={COLUMNS} idOf={(one) => one.id} empty={empty} />;
}
