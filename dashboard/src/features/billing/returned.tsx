import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { classes } from "@/components/classes";
import { changedSince } from "@/features/billing/departure";
import type { Schema } from "@/lib/api/client";

/** From where somebody came back: who paid, who did not, and who was at cards and addresses. */
export type Back = "paid" | "unpaid" | "portal";

function backOf(search: { paid?: string; back?: string }): Back | null {
  if (search.paid) return search.paid === "yes" ? "paid" : "unpaid";
  return search.back === "portal" ? "portal" : null;
}

/** How one came to the page, and to let it be once something else is done. The address forgets it, so that a bookmark or a reload tells nothing that is over. */
export function useReturn(): [Back | null, () => void] {
  const navigate = useNavigate();
  const search: { paid?: string; back?: string } = useSearch({ strict: false });
  const [back, setBack] = useState(() => backOf(search));
  useEffect(() => {
    if (back) void navigate({ to: ".", search: {}, replace: true });
  }, [back, navigate]);
  return [back, () => setBack(null)];
}

/** Back from Stripe. What was bought counts when Stripe has told it, not when the browser says so. */
export function Returned({ back, billing }: { back: Back; billing: Schema["BillingShown"] }) {
  const changed = changedSince(billing);
  if (back === "portal") return null;
  const told = changed
    ? "The payment is made."
    : "Stripe says that you paid. What you bought shows here as soon as we have heard of it, mostly within seconds.";
  return (
    <p
      role="status"
      className={classes(
        "mb-4 rounded-card px-4 py-3",
        back === "paid" ? "bg-accent-soft text-accent" : "bg-raised text-muted",
      )}
    >
      {back === "paid" ? told : "Nothing was paid, and nothing is changed."}
    </p>
  );
}
