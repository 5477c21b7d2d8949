import type { Schema } from "@/lib/api/client";

export const ROLES: readonly (readonly [Schema["OrgRole"], string])[] = [
  ["viewer", "Viewer: sees usage, changes nothing"],
  ["member", "Member: makes own keys"],
  ["admin", "Admin: all but deleting it"],
  ["owner", "Owner: everything"],
];
