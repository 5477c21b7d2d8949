import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Check, LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";

import { Button, buttonClasses } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { classes } from "@/components/classes";
import { CodeBlock } from "@/components/copy";
import { Snippets } from "@/components/snippets";
import { Forbidden, FormError } from "@/components/states";
import { When } from "@/components/when";
import { query } from "@/lib/api/client";
import { dollars, duration } from "@/lib/format";
import { useMay, useOrg } from "@/lib/me";
import { keysOptions } from "@/lib/org_queries";

const TITLE = "Your first request";
const ANSWER = "A key, one base URL, and you are through. The sandbox model costs nothing.";
const NAME = "First key";

/** From nothing to a first real request: a key, a snippet, and the light that goes on. */
export function Start() {
  const org = useOrg();
  if (useMay("keys:create")) return <Steps />;
  return (
    <>
      <PageHead title={TITLE} answer={ANSWER} />
      <Forbidden>Members, admins and owners of {org.name} can make keys. Ask one of them for a key.</Forbidden>
    </>
  );
}

function Steps() {
  const org = useOrg();
  const path = { org: org.slug };
  const make = query.useMutation("post", "/api/v1/orgs/{org}/keys");
  const made = make.data;
  // After a reload the key is still there; its secret is not.
  const earlier = useQuery(keysOptions(org.slug)).data?.data.find((key) => key.name === NAME && !key.revoked_at);
  const key = made ?? earlier;
  const arrived = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/usage",
    { params: { path, query: { key_id: key?.id ?? "", limit: 1 } } },
    { enabled: key !== undefined, refetchInterval: (one) => (one.state.data?.data.length ? false : 1500) },
  ).data?.data[0];
  const sample = {
    base: window.location.origin,
    key: made?.key ?? "lgw_live_...",
    body: { model: "sandbox/chat", messages: [{ role: "user", content: "Hello" }] },
  };
  return (
    <>
      <PageHead title={TITLE} answer={ANSWER} />
      <ol className="flex flex-col gap-4">
        <Step number={1} done={key !== undefined} title="Make a key">
          {made ? (
            <div className="flex flex-col gap-2">
              <p className="text-muted">Copy it now: it is shown this once.</p>
              <CodeBlock label="the key" code={made.key} />
            </div>
          ) : (
            <div className="flex flex-col items-start gap-3">
              {earlier ? (
                <p className="text-muted">
                  You made a key <When time={earlier.created_at} />: {earlier.name},{" "}
                  <span className="font-mono text-caption">
                    {earlier.prefix}…{earlier.last4}
                  </span>
                  . Its secret was shown once. Use it below if you kept it; else make another.
                </p>
              ) : null}
              <Button
                kind={earlier ? "secondary" : "primary"}
                busy={make.isPending}
                onClick={() => make.mutate({ params: { path }, body: { name: NAME, test: false } })}
              >
                {earlier ? "Make another key" : "Make a key"}
              </Button>
              <FormError error={make.error} />
            </div>
          )}
        </Step>
        <Step number={2} done={arrived !== undefined} title="Send this from your machine">
          <Snippets sample={sample} />
        </Step>
        <Step number={3} done={arrived !== undefined} title="See it arrive">
          <div aria-live="polite">
            {arrived ? (
              <div className="appear flex flex-wrap items-center gap-4">
                <p className="font-medium text-accent">
                  It is here: {arrived.model}, {duration(arrived.duration_ms)}, {dollars(arrived.cost_usd)}.
                </p>
                <Link
                  to="/o/$org/requests/$request"
                  params={{ org: org.slug, request: arrived.id }}
                  className={buttonClasses("primary")}
                >
                  See its journey
                </Link>
              </div>
            ) : key ? (
              <p className="flex items-center gap-2 text-muted">
                <LoaderCircle aria-hidden className="size-4 animate-spin" /> Waiting for the first request with this key
                …
              </p>
            ) : (
              <p className="text-muted">It lights up here when the request arrives.</p>
            )}
          </div>
        </Step>
      </ol>
    </>
  );
}

function Step({
  number,
  done,
  title,
  children,
}: {
  number: number;
  done: boolean;
  title: string;
  children: ReactNode;
}) {
  return (
    <li>
      <Card
        title={
          <span className="flex items-center gap-2.5">
            <span
              className={classes(
                "flex size-6 items-center justify-center rounded-full text-caption",
                done ? "bg-accent text-on-accent" : "bg-raised text-muted",
              )}
            >
              {done ? <Check aria-label="done" className="size-3.5" /> : number}
            </span>
            {title}
          </span>
        }
      >
        {children}
      </Card>
    </li>
  );
}
