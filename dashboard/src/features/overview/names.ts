import { useQuery } from "@tanstack/react-query";

import { type Group } from "@/features/overview/filters";
import { useOrg } from "@/lib/me";
import { keysOptions, projectsOptions } from "@/lib/org_queries";

/** What a group of figures is called: keys and projects by their names. */
export function useNames(by: Group): (group: string | null) => string {
  const org = useOrg().slug;
  const keys = useQuery({ ...keysOptions(org), enabled: by === "key" }).data;
  const projects = useQuery({ ...projectsOptions(org), enabled: by === "project" }).data;
  const names = new Map([...(keys?.data ?? []), ...(projects?.data ?? [])].map((one) => [one.id, one.name]));
  return (group) => (group === null ? "none" : (names.get(group) ?? group));
}
