import type { Schema } from "@/lib/api/client";

export const ROLES: readonly (readonly [Schema["OrgRole"], string])[] = [
  ["viewer", "Viewer: sees usage, changes nothing"],
  ["member", "Member: makes own keys"],
  ["admin", "Admin: all but deleting it"],
  ["owner", "Owner: everything"],
];

/** Whether a role may change or remove another, or give it: owners any, others all but an owner. */
export function outranks(role: Schema["OrgRole"], other: Schema["OrgRole"]): boolean {
  return role === "owner" || other !== "owner";
}

/** The roles that somebody can give. */
export function rolesFrom(role: Schema["OrgRole"]) {
  return ROLES.filter(([name]) => outranks(role, name));
}
