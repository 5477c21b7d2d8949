import { Link } from "@tanstack/react-router";

import { CodeBlock } from "@/components/copy";
import type { Told } from "@/features/playground/ask";
import { query } from "@/lib/api/client";
import { count, dollars, duration } from "@/lib/format";
import { useOrg } from "@/lib/me";

/** What was answered; when it is done, what it cost and how fast it was. */
export function Outcome({ told, done }: { told: Told; done: boolean }) {
  return (
    <div className="flex flex-col gap-3">
      {told.reasoning ? (
        <details>
          <summary className="cursor-pointer text-table text-muted">Reasoning</summary>
          <p className="mt-2 text-table whitespace-pre-wrap text-muted">{told.reasoning}</p>
        </details>
      ) : null}
      <p aria-live="polite" className="whitespace-pre-wrap">
        {told.text}
      </p>
      {told.calls.map((call, place) => (
        <CodeBlock key={place} label={`the call of ${call.name}`} code={`${call.name}(${call.arguments})`} />
      ))}
      {done && told.requestId ? <Bill id={told.requestId} told={told} /> : null}
    </div>
  );
}

function Bill({ id, told }: { id: string; told: Told }) {
  const org = useOrg();
  const asked = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/usage",
    { params: { path: { org: org.slug }, query: { tag: "playground", limit: 20 } } },
    { refetchInterval: ({ state }) => (state.data?.data.some((one) => one.id === id) ? false : 700), gcTime: 0 },
  );
  const request = asked.data?.data.find((one) => one.id === id);
  return (
    <p className="tabular flex flex-wrap gap-x-4 border-t border-line pt-3 text-caption text-muted">
      <span>first token {duration(told.firstTokenMs)}</span>
      <span>whole {duration(told.tookMs)}</span>
      {request ? (
        <>
          <span>
            {count(request.prompt_tokens)} + {count(request.completion_tokens)} tokens
          </span>
          <span>{dollars(request.cost_usd)}</span>
          <Link
            to="/o/$org/requests/$request"
            params={{ org: org.slug, request: id }}
            className="font-medium text-accent"
          >
            Its journey
          </Link>
        </>
      ) : (
        <span>cost in a moment …</span>
      )}
    </p>
  );
}
