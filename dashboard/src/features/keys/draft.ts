import type { Schema } from "@/lib/api/client";
import { type BudgetDraft, budgetBody, budgetDraftOf } from "@/lib/budgets";
import { typedNumber } from "@/lib/typed";

type Key = Schema["KeyShown"];
type Operation = Schema["Operation"];
type RateLimits = Schema["RateLimits"];

export const SCOPES: readonly Operation[] = ["chat", "embeddings", "count_tokens", "completions", "rerank"];

/** What is typed for no limit of its own, where a key that is given nothing has one. */
export const NONE = "none";

/** What stands in the form: texts, as they were typed. */
export interface Draft extends BudgetDraft {
  name: string;
  project: string;
  test: boolean;
  minute: string;
  hour: string;
  day: string;
  tokens: string;
  concurrency: string;
  models: string;
  providers: string;
  addresses: string;
  tags: string;
  expires: string;
  cache: string;
  scopes: readonly Operation[];
}

const text = (value: number | string | null | undefined): string =>
  value === null || value === undefined ? "" : String(value);
const noneOf = (usual: number | null | undefined): string | null =>
  usual === null || usual === undefined ? null : NONE;
const joined = (list: readonly string[] | null | undefined): string => (list ?? []).join(", ");

const NEW: Draft = {
  name: "",
  project: "",
  test: false,
  minute: "",
  hour: "",
  day: "",
  tokens: "",
  concurrency: "",
  ...budgetDraftOf(undefined),
  models: "",
  providers: "",
  addresses: "",
  tags: "",
  expires: "",
  cache: "",
  scopes: SCOPES,
};

/** `usual` is what a key has that is given no limits: one without is said in words. */
export function draftOf(key: Key | undefined, usual?: RateLimits): Draft {
  if (!key) return NEW;
  const { limits, budgets } = key;
  return {
    name: key.name,
    project: text(key.project_id),
    test: key.test,
    minute: text(limits.requests_per_minute ?? noneOf(usual?.requests_per_minute)),
    hour: text(limits.requests_per_hour ?? noneOf(usual?.requests_per_hour)),
    day: text(limits.requests_per_day ?? noneOf(usual?.requests_per_day)),
    tokens: text(limits.tokens_per_minute),
    concurrency: text(limits.concurrency),
    ...budgetDraftOf(budgets),
    models: joined(key.allowed_models),
    providers: joined(key.allowed_providers),
    addresses: joined(key.allowed_addresses),
    tags: joined(key.tags),
    expires: text(key.expires_at).slice(0, 10),
    cache: text(key.cache_seconds),
    scopes: (key.scopes as Operation[] | null) ?? SCOPES,
  };
}

function list(typed: string): string[] | null {
  const entries = typed
    .split(",")
    .map((entry) => entry.trim())
    .filter(Boolean);
  return entries.length > 0 ? entries : null;
}

/** What a key may do, as the API takes it. */
export function asBody(draft: Draft) {
  return {
    name: draft.name.trim(),
    project_id: draft.project || null,
    limits: {
      requests_per_minute: typedNumber(draft.minute),
      requests_per_hour: typedNumber(draft.hour),
      requests_per_day: typedNumber(draft.day),
      tokens_per_minute: typedNumber(draft.tokens),
      concurrency: typedNumber(draft.concurrency),
    },
    budgets: budgetBody(draft),
    allowed_models: list(draft.models),
    allowed_providers: list(draft.providers),
    allowed_addresses: list(draft.addresses),
    tags: list(draft.tags) ?? [],
    expires_at: draft.expires ? `${draft.expires}T23:59:59Z` : null,
    cache_seconds: typedNumber(draft.cache),
    scopes: draft.scopes.length === SCOPES.length ? null : [...draft.scopes],
  };
}
