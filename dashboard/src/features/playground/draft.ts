import { typedNumber } from "@/lib/typed";

/** What stands in the playground's form. */
export interface Draft {
  model: string;
  system: string;
  prompt: string;
  temperature: string;
  maxTokens: string;
  stream: boolean;
  tools: string;
  schema: string;
  /** Data URLs. */
  images: readonly string[];
}

export const EMPTY: Draft = {
  model: "",
  system: "",
  prompt: "",
  temperature: "",
  maxTokens: "",
  stream: true,
  tools: "",
  schema: "",
  images: [],
};

export class DraftError extends Error {}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DraftError(`${what} is not JSON yet. Mend it, or empty it.`);
  }
}

/** The body of the chat completion. Throws `DraftError`. */
export function bodyOf(draft: Draft): Record<string, unknown> {
  const user =
    draft.images.length > 0
      ? [
          { type: "text", text: draft.prompt },
          ...draft.images.map((url) => ({ type: "image_url", image_url: { url } })),
        ]
      : draft.prompt;
  const schema = draft.schema.trim() ? parsed(draft.schema, "The schema") : null;
  return {
    model: draft.model,
    messages: [...(draft.system ? [{ role: "system", content: draft.system }] : []), { role: "user", content: user }],
    ...(draft.temperature.trim() ? { temperature: typedNumber(draft.temperature) } : {}),
    ...(draft.maxTokens.trim() ? { max_tokens: typedNumber(draft.maxTokens) } : {}),
    ...(draft.tools.trim() ? { tools: parsed(draft.tools, "The list of tools") } : {}),
    ...(schema
      ? { response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } } }
      : {}),
    ...(draft.stream ? { stream: true } : {}),
  };
}
