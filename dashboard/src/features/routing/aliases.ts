import type { Schema } from "@/lib/api/client";

type Route = Schema["RouteShown"];
type Model = Pick<Schema["ModelShown"], "id" | "owned_by">;

/** A name that requests can ask for: the organisation's own with its targets, or one of gateway.yaml. */
export type Alias = { name: string; own: Route } | { name: string; own: null };

const OURS = "llmgateway";
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;

/** What is wrong with an alias's name; null when it can be one. */
export function wrongName(name: string): string | null {
  if (name === "" || NAME.test(name)) return null;
  if (!/^[A-Za-z0-9]/.test(name)) return "It begins with a letter or a digit.";
  if (name.length > 100) return "At most 100 characters.";
  return "Letters, digits, dots, hyphens, underscores and colons, without spaces.";
}

/** Aliases of gateway.yaml that no alias of the organisation's own stands before. */
export function namesOfFile(own: readonly Route[], models: readonly Model[]): string[] {
  const names = new Set(own.map((route) => route.alias));
  return models.filter((model) => model.owned_by === OURS && !names.has(model.id)).map((model) => model.id);
}

/** All of them, the organisation's own first. */
export function aliasesOf(own: readonly Route[], models: readonly Model[]): Alias[] {
  return [
    ...own.map((route) => ({ name: route.alias, own: route })),
    ...namesOfFile(own, models).map((name) => ({ name, own: null })),
  ];
}
