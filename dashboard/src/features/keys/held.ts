import type { Schema } from "@/lib/api/client";

type Key = Pick<Schema["KeyShown"], "governed">;

const NARROWED = ["scopes", "allowed_models", "allowed_providers", "allowed_addresses"];

/** Fields that an admin set, by their last names: who made the key but does not manage keys may only make them tighter. */
export function heldIn(key: Key | undefined, mayManage: boolean): ReadonlySet<string> {
  if (!key || mayManage) return new Set();
  return new Set(key.governed.map((field) => field.split(".").at(-1) ?? field));
}

/** Why such a field is not free, and what may be done to it. */
export function heldWords(field: string): string {
  if (field === "project_id") return "An admin or owner can move it.";
  if (NARROWED.includes(field)) return "An admin set it: you may take entries out.";
  return `An admin set it: you may ${field === "expires_at" ? "bring it forward" : "lower it"}.`;
}
