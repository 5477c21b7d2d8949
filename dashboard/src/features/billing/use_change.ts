import { useQueryClient } from "@tanstack/react-query";

import { useTell } from "@/components/toast";
import { leave } from "@/features/billing/departure";
import { query, type Schema } from "@/lib/api/client";
import { useOrg } from "@/lib/me";
import { utcDay } from "@/lib/time";

const PREVIEW = "/api/v1/orgs/{org}/billing/change";

type Preview = Schema["ChangePreview"];
/** What of a change was shown; without `as_of` nothing that costs. */
type Seen = Pick<Preview, "instead_of" | "step"> & Partial<Pick<Preview, "as_of">>;

/** Changes the plan as it was shown, and goes where it is paid. A refusal of the card is left to be read first. */
export function useChange(billing: Schema["BillingShown"], onDone: () => void) {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const buy = query.useMutation("post", "/api/v1/orgs/{org}/billing/checkout");
  const follow = async (change: Schema["PlanChange"], step: Seen["step"]): Promise<void> => {
    if (change.url) {
      if (step !== "raise") leave(change.url, billing);
      return;
    }
    // Not of the change itself: once it is made there is none to show.
    await queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[1] !== PREVIEW });
    const later = step === "lower" || step === "end";
    tell(later && change.effective_at ? `The plan changes on ${utcDay(change.effective_at)}` : "Your plan is set");
    onDone();
  };
  const make = (plan: string, { step, ...seen }: Seen): void =>
    buy.mutate(
      { params: { path: { org: org.slug } }, body: { plan, ...seen } },
      {
        onSuccess: (change) => void follow(change, step),
        onError: () => void queries.invalidateQueries({ queryKey: ["get", PREVIEW] }),
      },
    );
  return { make, isPending: buy.isPending, error: buy.error, data: buy.data };
}
