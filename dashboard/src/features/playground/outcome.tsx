import { Link } from "@tanstack/react-router";

import { CodeBlock, CopyButton } from "@/components/copy";
import { FormError } from "@/components/states";
import { Refused, type Told } from "@/features/playground/ask";
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

/** How often it is looked whether a request is listed; one that was refused at the door never is. */
const MOST_LOOKS = 15;

/** The request as it is listed, a second or two after its end. */
function useListed(id: string) {
  const org = useOrg();
  const asked = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/usage",
    { params: { path: { org: org.slug }, query: { tag: "playground", limit: 20 } } },
    {
      refetchInterval: ({ state }) =>
        state.dataUpdateCount > MOST_LOOKS || state.data?.data.some((one) => one.id === id) ? false : 700,
      gcTime: 0,
    },
  );
  return asked.data?.data.find((one) => one.id === id);
}

function Journey({ id }: { id: string }) {
  const org = useOrg();
  return (
    <Link to="/o/$org/requests/$request" params={{ org: org.slug, request: id }} className="font-medium text-accent">
      Its journey
    </Link>
  );
}

/** What went wrong, and the request that shows why. */
export function Trouble({ error }: { error: unknown }) {
  const id = error instanceof Refused ? error.requestId : null;
  return (
    <div className="flex flex-col gap-3">
      <FormError error={error} />
      {id ? <Traced key={id} id={id} /> : null}
    </div>
  );
}

function Traced({ id }: { id: string }) {
  const listed = useListed(id);
  return (
    <p className="flex flex-wrap items-center gap-x-3 text-caption text-muted">
      <span className="flex items-center gap-1 font-mono break-all">
        {id} <CopyButton text={id} label="Copy the request id" />
      </span>
      {listed ? <Journey id={id} /> : null}
    </p>
  );
}

function Bill({ id, told }: { id: string; told: Told }) {
  const request = useListed(id);
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
          <Journey id={id} />
        </>
      ) : (
        <span>cost in a moment …</span>
      )}
    </p>
  );
}
