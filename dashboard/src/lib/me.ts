import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import { query, type Schema } from "@/lib/api/client";

export type Permission = Schema["Permission"];
export type MyOrg = Schema["MyOrg"];

export const meOptions = () => query.queryOptions("get", "/api/v1/me", {}, { staleTime: 60_000 });

/** Who is logged in; undefined while it is not known. */
export function useMe(): Schema["Me"] | undefined {
  return useQuery(meOptions()).data;
}

/** The organisation whose pages are shown. */
export function useOrg(): MyOrg {
  const { org } = useParams({ strict: false });
  const me = useMe();
  const found = me?.orgs.find((one) => one.slug === org || one.id === org);
  if (!found) throw new Error("You are in no organisation of this name. Choose another one.");
  return found;
}

/** Whether one's role allows something here. */
export function useMay(permission: Permission): boolean {
  const org = useOrg();
  return org.permissions.includes(permission);
}
