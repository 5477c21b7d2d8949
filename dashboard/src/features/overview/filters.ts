import { isRange, type Range } from "@/lib/range";

export const GROUPS = {
  model: "Model",
  provider: "Provider",
  key: "Key",
  project: "Project",
  tag: "Tag",
} as const;

export type Group = keyof typeof GROUPS;

export const MEASURES = { spend: "Spend", requests: "Requests", tokens: "Tokens" } as const;

export type Measure = keyof typeof MEASURES;

export interface OverviewSearch {
  of?: Measure;
  range?: Range;
  by?: Group;
  compare?: boolean;
}

export function overviewSearch(given: Record<string, unknown>): OverviewSearch {
  return {
    ...(isRange(given.range) ? { range: given.range } : {}),
    ...(typeof given.by === "string" && given.by in GROUPS ? { by: given.by as Group } : {}),
    ...(typeof given.of === "string" && given.of in MEASURES ? { of: given.of as Measure } : {}),
    ...(given.compare === false ? { compare: false } : {}),
  };
}

/** What is shown where the URL says nothing. */
export function withDefaults(search: OverviewSearch): Required<OverviewSearch> {
  return { range: "24h", by: "model", of: "spend", compare: true, ...search };
}
