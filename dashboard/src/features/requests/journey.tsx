import { Fragment, type ReactNode } from "react";

import { Badge } from "@/components/badge";
import { Card } from "@/components/card";
import { classes } from "@/components/classes";
import type { Schema } from "@/lib/api/client";
import { RefusalWords } from "@/features/requests/refusal";
import { waterfallOf } from "@/features/requests/waterfall";
import { took } from "@/features/requests/words";
import { words } from "@/lib/format";

type Explained = Schema["RequestExplained"];
type Attempt = Schema["AttemptShown"];

/** Who asked, the plan and why; then each attempt, as long as it took. */
export function Journey({ request, keyName }: { request: Explained; keyName: string }) {
  return (
    <Card title="Journey">
      <ol className="flex flex-col gap-3 text-table">
        <Step name="Identify">
          key <span className="font-medium">{keyName}</span>
          {request.tags.length > 0 ? <span className="text-muted"> · {request.tags.join(", ")}</span> : null}
        </Step>
        <Step name="Admit">
          {admitWords(request)}
          {request.outcome === "refused" ? <RefusalWords request={request} /> : null}
        </Step>
        {request.outcome === "refused" ? null : <Step name="Cache">{cacheWords(request)}</Step>}
        {request.plan.length > 0 ? (
          <Step name="Plan">
            <ol className="flex flex-col gap-1">
              {request.plan.map((step) => (
                <li key={`${step.target} ${step.why}`} className={classes(step.passed_over && "text-faint")}>
                  <span className={classes("font-medium", step.passed_over && "line-through")}>{step.target}</span>
                  <span className="text-muted"> · {step.why}</span>
                </li>
              ))}
            </ol>
          </Step>
        ) : null}
        <Waterfall request={request} />
        <Step name="End">
          {endWords(request)}
          {request.outcome === "failed" ? <RefusalWords request={request} /> : null}
        </Step>
      </ol>
    </Card>
  );
}

function Step({ name, children }: { name: string; children: ReactNode }) {
  return (
    <li className="grid grid-cols-[80px_1fr] gap-3 max-sm:grid-cols-1 max-sm:gap-0.5">
      <span className="text-muted">{name}</span>
      <div className="min-w-0">{children}</div>
    </li>
  );
}

/** All attempts on one scale of time, from the request's arrival to its end. */
function Waterfall({ request }: { request: Explained }) {
  const { bars, rest } = waterfallOf(request);
  if (bars.length === 0) return null;
  const last = bars.length - 1;
  return (
    <>
      {bars.map((bar, place) => (
        <Fragment key={place}>
          {place === last && rest ? (
            <Step name="Waiting">
              <Track>
                <rect x={rest.start} width={rest.width} height={4} fill="var(--line-strong)" fillOpacity={0.5} />
              </Track>
              <p className="tabular text-muted">
                {last > 0 ? "Between attempts and in the gateway" : "In the gateway"} · {took(rest.milliseconds)}
              </p>
            </Step>
          ) : null}
          <Step name={`Attempt ${place + 1}`}>
            <Track>
              <rect
                x={bar.start}
                width={bar.width}
                height={4}
                fill={bar.good ? "var(--accent)" : "var(--red)"}
                fillOpacity={bar.good ? 0.4 : 1}
              />
              {bar.good ? (
                <rect x={bar.first} width={bar.start + bar.width - bar.first} height={4} fill="var(--accent)" />
              ) : null}
            </Track>
            <AttemptWords attempt={bar.attempt} request={request} last={place === last} />
          </Step>
        </Fragment>
      ))}
      <Step name="">
        <div aria-hidden className="tabular flex justify-between border-t border-line pt-1 text-caption text-faint">
          <span>0 ms</span>
          <span>{took(request.duration_ms / 2)}</span>
          <span>{took(request.duration_ms)}</span>
        </div>
      </Step>
    </>
  );
}

function Track({ children }: { children: ReactNode }) {
  return (
    <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden className="mb-1.5 h-2.5 w-full rounded bg-raised">
      {children}
    </svg>
  );
}

function AttemptWords({ attempt, request, last }: { attempt: Attempt; request: Explained; last: boolean }) {
  const seconds = (request.duration_ms - (request.first_token_ms ?? 0)) / 1000;
  const rate =
    last && request.stream && seconds > 0 ? `${Math.round(request.completion_tokens / seconds)} tokens/s` : null;
  const parts = [
    attempt.status ? String(attempt.status) : null,
    attempt.outcome === "ok" ? null : words(attempt.outcome),
    attempt.first_token_milliseconds === null || attempt.first_token_milliseconds === undefined
      ? took(attempt.milliseconds)
      : `first token ${took(attempt.first_token_milliseconds)}`,
    attempt.outcome === "ok" ? rate : null,
  ].filter(Boolean);
  return (
    <p className="tabular">
      <span className="font-medium">
        {attempt.provider}/{attempt.model}
      </span>
      <span className="text-muted"> · {parts.join(" · ")}</span>
      {attempt.message ? <span className="block text-caption text-faint">{attempt.message}</span> : null}
    </p>
  );
}

function admitWords(request: Explained): string {
  if (request.outcome !== "refused")
    return request.test ? "Test key: the sandbox alone." : "Within its limits and budgets.";
  const why = words(request.error_code ?? "refused").toLowerCase();
  const asked = request.attempts.length === 0 ? "Nobody was asked, nothing was charged." : "";
  return `Refused with ${request.status}, ${why}. ${asked}`;
}

function cacheWords(request: Explained): string {
  if (request.cache === "hit") return "Hit: the answer was given before, and cost nothing.";
  if (request.cache === "miss") return "Miss: nobody had asked this before.";
  return request.cache === "bypass" ? "Not used for this request." : `Not used (${request.cache}).`;
}

function endWords(request: Explained): ReactNode {
  const ends: Record<string, string> = {
    finished: "The answer was given whole.",
    failed: "The request failed; the caller got one clear error.",
    abandoned: "The caller left before the end.",
    refused: "The gateway refused the request.",
  };
  return (
    <span className="flex flex-wrap items-center gap-2">
      {ends[request.outcome] ?? request.outcome}
      {request.error_code ? <Badge tone="bad">{request.error_code}</Badge> : null}
    </span>
  );
}
