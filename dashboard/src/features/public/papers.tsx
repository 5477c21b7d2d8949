import { Link } from "@tanstack/react-router";

import { PublicFrame } from "@/features/public/frame";

interface Paper {
  title: string;
  parts: readonly (readonly [string, string])[];
}

const PAPERS: Record<"contact" | "terms" | "privacy" | "sla", Paper> = {
  contact: {
    title: "Contact",
    parts: [
      [
        "Help",
        "Write to the operator of this gateway. Name the request id: it stands in every answer and every error.",
      ],
      ["Security", "Report a weakness in confidence; SECURITY.md in the source says how, and what to expect."],
    ],
  },
  terms: {
    title: "Terms of service",
    parts: [
      ["The service", "A gateway to language models of third parties. Their own terms hold for what they answer."],
      [
        "Payment",
        "Plans are paid a month in advance; what goes beyond a plan is charged up to the limit that you set.",
      ],
      ["Ending", "You can leave at any time, take your data out, and have it erased."],
    ],
  },
  privacy: {
    title: "Privacy",
    parts: [
      [
        "What is kept",
        "Who asked, when, how many tokens, what it cost. What is said is kept only where your organisation turns that on.",
      ],
      [
        "How",
        "Contents and credentials are sealed with a key of your organisation; destroying it erases them in every backup.",
      ],
      ["Who sees it", "Owners and admins of your organisation. Operators of the platform see figures, never contents."],
    ],
  },
  sla: {
    title: "Service level",
    parts: [
      [
        "Availability",
        "The aim is 99.9 % of a month's requests answered, not counting outages of all targets of a request at once.",
      ],
      ["Measured", "From the gateway's own metrics, which an operator can check."],
    ],
  },
};

export function PaperPage({ name }: { name: keyof typeof PAPERS }) {
  const paper = PAPERS[name];
  return (
    <PublicFrame>
      <h1 className="text-hero font-semibold">{paper.title}</h1>
      {name === "contact" ? null : (
        <p role="note" className="mt-4 max-w-prose rounded-card bg-amber-soft px-4 py-3 text-amber">
          A placeholder: the operator of this gateway replaces it with a text that a lawyer has read.
        </p>
      )}
      <dl className="mt-6 flex max-w-prose flex-col gap-5">
        {paper.parts.map(([title, text]) => (
          <div key={title}>
            <dt className="font-semibold">{title}</dt>
            <dd className="mt-1 text-muted">{text}</dd>
          </div>
        ))}
      </dl>
    </PublicFrame>
  );
}

const DOORS = [
  [
    "/v1/chat/completions, /v1/responses, /v1/embeddings, /v1/completions, /v1/rerank, /v1/models",
    "OpenAI's API, for any model.",
  ],
  ["/v1/messages, /v1/messages/count_tokens", "Anthropic's API, for any model."],
  ["/v1/requests/{id}", "Why a request went where it went, and what it cost."],
  ["/api/v1/openapi.json", "The control plane: people, keys, routes, usage and money."],
] as const;

/** Where to read on. */
export function Docs() {
  return (
    <PublicFrame>
      <h1 className="text-hero font-semibold">Docs</h1>
      <p className="mt-2 max-w-prose text-muted">
        Change the base URL of the SDK that you have to{" "}
        <code className="font-mono text-table">{window.location.origin}/v1</code>, or without{" "}
        <code className="font-mono text-table">/v1</code> for Anthropic&apos;s, and send a key of yours.
      </p>
      <dl className="mt-6 flex max-w-3xl flex-col gap-4">
        {DOORS.map(([path, text]) => (
          <div key={path}>
            <dt className="font-mono text-table break-words">{path}</dt>
            <dd className="text-muted">{text}</dd>
          </div>
        ))}
      </dl>
      <p className="mt-8 max-w-prose text-muted">
        Guides, concepts and the operator&apos;s handbook are in the docs folder of the source; <code>make site</code>{" "}
        builds them as a searchable site.{" "}
        <Link to="/contact" className="text-accent underline">
          Ask us
        </Link>{" "}
        what they do not say.
      </p>
    </PublicFrame>
  );
}
