import { type Group } from "@/features/overview/filters";
import { query } from "@/lib/api/client";
import { useOrg } from "@/lib/me";

/** What a group of figures is called: keys and projects by their names. */
export function useNames(by: Group): (group: string | null) => string {
  const path = { org: useOrg().slug };
  const keys = query.useQuery("get", "/api/v1/orgs/{org}/keys", { params: { path } }, { enabled: by === "key" }).data;
  const projects = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/projects",
    { params: { path } },
    { enabled: by === "project" },
  ).data;
  const names = new Map([...(keys?.data ?? []), ...(projects?.data ?? [])].map((one) => [one.id, one.name]));
  return (group) => (group === null ? "none" : (names.get(group) ?? group));
}
