import { buttonClasses } from "@/components/button";
import { openInvoice, useInvoices } from "@/features/billing/invoices";
import type { Schema } from "@/lib/api/client";
import { useMay } from "@/lib/me";

/** What to know or do, and the way to pay where something is open. */
export function Notice({ billing }: { billing: Schema["BillingShown"] }) {
  const may = useMay("billing:write");
  const open = openInvoice(useInvoices().data);
  if (!billing.message) return null;
  return (
    <div
      role="status"
      className="mb-4 flex flex-wrap items-center justify-between gap-3 rounded-card bg-amber-soft px-4 py-3 text-amber"
    >
      <p>{billing.message}</p>
      {may && open?.url ? (
        <a href={open.url} className={buttonClasses("primary")} rel="noreferrer">
          Pay
        </a>
      ) : null}
    </div>
  );
}
