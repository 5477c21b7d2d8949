import { useQueryClient } from "@tanstack/react-query";

import { useLiveRefresh } from "@/lib/live";
import { useOrg } from "@/lib/me";

/** Asks for the figures anew when requests arrive. */
export function useLiveFigures(): void {
  const org = useOrg();
  const queries = useQueryClient();
  const refresh = () => void queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/usage/summary"] });
  useLiveRefresh(org.slug, refresh, 3);
}
