import type { Schema } from "@/lib/api/client";

type Entry = Pick<Schema["AuditEntry"], "before" | "after">;

/** What was done, in words, by the kind of thing it was done to. */
const KINDS: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
  ["key", "Keys", { create: "Made a key", change: "Changed a key", rotate: "Rotated a key", revoke: "Revoked a key" }],
  ["project", "Projects", { create: "Made a project", change: "Changed a project", remove: "Removed a project" }],
  ["route", "Routes", { put: "Saved an alias", remove: "Removed an alias" }],
  ["policy", "Policy", { change: "Changed the policy" }],
  ["cache", "Cache", { purge: "Purged the cache" }],
  ["content", "Content", { read: "Read what was said" }],
  [
    "credential",
    "Provider credentials",
    { create: "Added a credential", check: "Checked a credential", remove: "Removed a credential" },
  ],
  ["member", "Members", { change: "Changed a role", remove: "Removed a member", leave: "Left" }],
  [
    "invitation",
    "Invitations",
    {
      create: "Invited somebody",
      resend: "Sent an invitation again",
      revoke: "Took an invitation back",
      accept: "Accepted an invitation",
    },
  ],
  [
    "org",
    "Organisation",
    {
      create: "Made the organisation",
      change: "Changed the organisation",
      plan: "Changed the plan",
      transfer: "Passed the ownership on",
      export: "Exported the data",
      delete: "Asked for deletion",
      restore: "Restored the organisation",
      suspend: "Suspended the organisation",
      resume: "Resumed the organisation",
      end: "Ended the organisation",
      erase: "Erased the organisation",
    },
  ],
  [
    "billing",
    "Billing",
    {
      plan: "Asked for another plan",
      credit: "Added credit",
      grant: "Was granted credit",
      limit: "Changed the limit beyond the plan",
    },
  ],
  ["operator", "Operators", { look: "Looked at the organisation" }],
];

/** What was done; an act without words of its own by its name. */
export function actWords(action: string): string {
  const [kind = "", verb = ""] = action.split(".");
  return KINDS.find(([name]) => name === kind)?.[2][verb] ?? action;
}

/** All acts, each kind as a whole first; and what the URL says where it is none of them. */
export function actChoices(chosen: string): (readonly [string, string])[] {
  const known = KINDS.flatMap(([kind, title, verbs]) => [
    [`${kind}.*`, `${title}: any`] as const,
    ...Object.entries(verbs).map(([verb, words]) => [`${kind}.${verb}`, `${title}: ${words.toLowerCase()}`] as const),
  ]);
  const missing = chosen && !known.some(([action]) => action === chosen) ? [[chosen, chosen] as const] : [];
  return [["", "Any act"], ...missing, ...known];
}

/** The name of what it was done to, as it stands in what was written down. */
export function nameIn({ before, after }: Entry): string | null {
  for (const side of [after, before])
    for (const field of ["name", "alias", "email", "model"]) {
      const value = side?.[field];
      if (typeof value === "string" && value !== "") return value;
    }
  return null;
}
