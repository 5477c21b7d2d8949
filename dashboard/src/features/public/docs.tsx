import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Snippets } from "@/components/snippets";
import { PublicFrame } from "@/features/public/frame";

const DOORS = [
  ["POST /v1/chat/completions", "OpenAI's chat, for any model; streams, tools, images, structured output"],
  ["POST /v1/responses", "OpenAI's Responses"],
  ["POST /v1/messages", "Anthropic's Messages, for any model; count_tokens beside it"],
  ["POST /v1/embeddings", "Vectors of texts"],
  ["POST /v1/completions, /v1/rerank", "Plain completions, and documents in order of relevance"],
  ["GET /v1/models", "What your key may ask for, with prices and abilities"],
  ["GET /v1/requests/{id}", "Why a request went where it went, and what it cost"],
  ["/api/v1/…", "Everything that the dashboard does: people, keys, routes, usage, money"],
] as const;

const SENT = [
  ["x-llmgateway-cache", "off, or for how many seconds an equal answer may be given again"],
  ["x-llmgateway-unsupported", "drop: leave out what a provider does not know, instead of refusing"],
  ["x-llmgateway-retention", "none: keep nothing of what is said"],
] as const;

const TOLD = [
  ["x-request-id", "the request's id; the dashboard, errors and support go by it"],
  ["x-llmgateway-provider, -model", "who answered"],
  ["x-llmgateway-attempts", "how many targets were asked"],
  ["x-llmgateway-cost-usd", "what it cost, where the answer is whole"],
] as const;

const LINK = "text-accent underline underline-offset-2";

/** How to send a request here, and where to read on. */
export function Docs() {
  const sample = {
    base: window.location.origin,
    key: null,
    body: { model: "sandbox/chat", messages: [{ role: "user", content: "Hello" }] },
  };
  return (
    <PublicFrame>
      <h1 className="text-hero font-semibold">Docs</h1>
      <p className="mt-2 max-w-prose text-muted">
        Keep the SDK that you have, and change its base URL: <Code>{`${window.location.origin}/v1`}</Code> for
        OpenAI&apos;s, <Code>{window.location.origin}</Code> for Anthropic&apos;s. A model is{" "}
        <Code>provider/model</Code>, or an alias of your own.
      </p>
      <div className="mt-6 max-w-3xl">
        <Snippets sample={sample} />
      </div>
      <Terms title="Endpoints" of={DOORS} />
      <Terms title="Headers that you may send" of={SENT} />
      <Terms title="Headers that you are told" of={TOLD} />
      <h2 className="mt-10 text-title font-semibold">Read on</h2>
      <p className="mt-2 max-w-prose text-muted">
        The control plane describes itself in{" "}
        <a href="/api/v1/openapi.json" className={LINK}>
          OpenAPI
        </a>
        . Concepts, guides of each client and the operator&apos;s handbook are in the docs folder of the source;{" "}
        <Code>make site</Code> builds them as a searchable site.{" "}
        <Link to="/contact" className={LINK}>
          Ask us
        </Link>{" "}
        what they do not say.
      </p>
    </PublicFrame>
  );
}

function Code({ children }: { children: ReactNode }) {
  return <code className="rounded bg-raised px-1 font-mono text-table text-text">{children}</code>;
}

function Terms({ title, of }: { title: string; of: readonly (readonly [string, string])[] }) {
  return (
    <section className="mt-10 max-w-3xl">
      <h2 className="text-title font-semibold">{title}</h2>
      <dl className="mt-2 divide-y divide-line text-table">
        {of.map(([name, text]) => (
          <div key={name} className="grid gap-x-6 py-2 sm:grid-cols-[280px_1fr]">
            <dt className="font-mono text-caption leading-[18px] break-words">{name}</dt>
            <dd className="text-muted">{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
