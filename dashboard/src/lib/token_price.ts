import { query, type Schema } from "@/lib/api/client";
import { dollars } from "@/lib/format";
import { useOrg } from "@/lib/me";

type TokenPrice = Schema["TokenPrice"];

/** the provider's cost plus 5 % and $0.001 a request */
export function tokenPriceWords({ markup_percent, request_fee_usd }: TokenPrice): string {
  const more = [
    ...(Number(markup_percent) > 0 ? [`${markup_percent} %`] : []),
    ...(Number(request_fee_usd) > 0 ? [`${dollars(request_fee_usd)} a request`] : []),
  ];
  return more.length === 0 ? "the provider's cost" : `the provider's cost plus ${more.join(" and ")}`;
}

/** What tokens on the gateway's own keys cost, where the organisation is charged for them; null while it is not known. */
export function useTokenPrice(): TokenPrice | null {
  const isCharged = useOrg().plan !== "self_hosted";
  const plans = query.useQuery("get", "/api/v1/plans", {}, { enabled: isCharged, staleTime: 300_000 }).data;
  return (isCharged && plans?.tokens) || null;
}
