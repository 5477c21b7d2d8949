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
