import { isRange, type Range } from "@/lib/range";

export const GROUPS = {
  model: "Model",
  provider: "Provider",
  key: "Key",
  project: "Project",
  tag: "Tag",
} as const;

export type Group = keyof typeof GROUPS;

export interface OverviewSearch {
  range?: Range;
  by?: Group;
  compare?: boolean;
}

export function overviewSearch(given: Record<string, unknown>): OverviewSearch {
  return {
    ...(isRange(given.range) ? { range: given.range } : {}),
    ...(typeof given.by === "string" && given.by in GROUPS ? { by: given.by as Group } : {}),
    ...(given.compare === false ? { compare: false } : {}),
  };
}
