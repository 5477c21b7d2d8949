import { query, type Schema } from "@/lib/api/client";
import { useOrg } from "@/lib/me";

/** What tokens on the gateway's own keys cost, where the organisation is charged for them; null while it is not known. */
export function useTokenPrice(): Schema["TokenPrice"] | null {
  const isCharged = useOrg().plan !== "self_hosted";
  const plans = query.useQuery("get", "/api/v1/plans", {}, { enabled: isCharged, staleTime: 300_000 }).data;
  return (isCharged && plans?.tokens) || null;
}
