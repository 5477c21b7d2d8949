import { isRange, type Range, spanOf } from "@/lib/range";

export type Outcome = "finished" | "refused" | "failed" | "abandoned";

/** Filters of the request list, as they stand in the URL. */
export interface RequestSearch {
  model?: string;
  provider?: string;
  key_id?: string;
  project_id?: string;
  outcome?: Outcome;
  tag?: string;
  /** Test keys alone, or live ones alone; else both. */
  test?: boolean;
  live?: boolean;
  since?: Range;
}

const TEXTS = ["model", "provider", "key_id", "project_id", "tag"] as const;

export function requestSearch(given: Record<string, unknown>): RequestSearch {
  const search: RequestSearch = {};
  for (const name of TEXTS) {
    const value = given[name];
    if (typeof value === "string" && value !== "") search[name] = value;
    else if (typeof value === "number") search[name] = String(value);
  }
  if (OUTCOMES.some(([name]) => name !== "" && name === given.outcome)) search.outcome = given.outcome as Outcome;
  if (typeof given.test === "boolean") search.test = given.test;
  if (given.live === true) search.live = true;
  if (isRange(given.since)) search.since = given.since;
  return search;
}

/** What the API is asked; `live` is the page's own. */
export function asQuery({ live, since, ...filters }: RequestSearch) {
  return { ...filters, ...(since ? { from: spanOf(since).from } : {}) };
}

export const OUTCOMES = [
  ["", "Any outcome"],
  ["finished", "Finished"],
  ["refused", "Refused"],
  ["failed", "Failed"],
  ["abandoned", "Abandoned"],
] as const;

export const TRAFFIC = [
  ["", "Live and test"],
  ["live", "Live keys"],
  ["test", "Test keys"],
] as const;
