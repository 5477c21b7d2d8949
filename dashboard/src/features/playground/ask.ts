import OpenAI from "openai";

export interface Told {
  text: string;
  reasoning: string;
  /** Names and arguments of tools that the model calls. */
  calls: readonly { name: string; arguments: string }[];
  requestId: string | null;
  firstTokenMs: number | null;
  tookMs: number;
}

/** What the gateway or a provider refused, with the request to look at. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly requestId: string | null,
  ) {
    super(message);
  }
}

/** In the gateway's words, without the status that OpenAI's SDK puts before them. */
function refusedBy(error: unknown): unknown {
  if (!(error instanceof OpenAI.APIError) || error instanceof OpenAI.APIUserAbortError) return error;
  const words = error.status ? error.message.replace(new RegExp(`^${String(error.status)} `), "") : error.message;
  return new Refused(words, error.requestID ?? null);
}

type Body = Record<string, unknown>;

interface Delta {
  content?: string | null;
  reasoning_content?: string | null;
  tool_calls?: { index?: number; function?: { name?: string; arguments?: string } }[];
}

/** Asks as any application would, by OpenAI's own SDK, and tells what came so far. */
export async function ask(key: string, body: Body, signal: AbortSignal, onTold: (told: Told) => void): Promise<Told> {
  const client = new OpenAI({
    baseURL: `${window.location.origin}/v1`,
    apiKey: key,
    dangerouslyAllowBrowser: true,
    maxRetries: 0,
  });
  const began = performance.now();
  let told: Told = { text: "", reasoning: "", calls: [], requestId: null, firstTokenMs: null, tookMs: 0 };
  const hear = (delta: Delta): void => {
    told = {
      ...heard(told, delta),
      firstTokenMs: told.firstTokenMs ?? performance.now() - began,
      tookMs: performance.now() - began,
    };
    onTold(told);
  };
  try {
    const asked = client.chat.completions.create(body as unknown as OpenAI.ChatCompletionCreateParams, { signal });
    const { data, response } = await asked.withResponse();
    told = { ...told, requestId: response.headers.get("x-request-id") };
    if (Symbol.asyncIterator in data) {
      for await (const chunk of data) if (chunk.choices[0]) hear(chunk.choices[0].delta);
    } else if (data.choices[0]) hear(data.choices[0].message as Delta);
  } catch (error) {
    const refused = refusedBy(error);
    // A stream that breaks off tells it without the headers.
    throw refused instanceof Refused && !refused.requestId ? new Refused(refused.message, told.requestId) : refused;
  }
  return { ...told, tookMs: performance.now() - began };
}

function heard(told: Told, delta: Delta): Told {
  const calls = [...told.calls];
  for (const [place, part] of (delta.tool_calls ?? []).entries()) {
    const at = part.index ?? place;
    const before = calls[at] ?? { name: "", arguments: "" };
    calls[at] = {
      name: before.name + (part.function?.name ?? ""),
      arguments: before.arguments + (part.function?.arguments ?? ""),
    };
  }
  return {
    ...told,
    calls,
    text: told.text + (delta.content ?? ""),
    reasoning: told.reasoning + (delta.reasoning_content ?? ""),
  };
}
