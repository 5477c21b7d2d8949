import { Link } from "@tanstack/react-router";

import { buttonClasses } from "@/components/button";
import { Snippets } from "@/components/snippets";
import { ExampleRequest } from "@/features/public/example";
import { PublicFrame } from "@/features/public/frame";

const PROMISES = [
  [
    "Exact money",
    "Every token class has its price and its version. Money is counted in whole nano-dollars, and the books balance every day.",
  ],
  [
    "Honest answers",
    "A cut stream is continued or reported, never passed off as finished. What a provider cannot honour is refused by name.",
  ],
  [
    "Failover that works",
    "Retries, fallbacks and circuits per target. A provider's outage is a line in a log, not in your incident report.",
  ],
  ["Walls between tenants", "Organisations, roles, keys and budgets, held apart by the database itself."],
  [
    "Limits that hold",
    "A minute, an hour, a day, tokens, concurrency, dollars: checked before the request, across all processes.",
  ],
  [
    "Savings you can show",
    "What the cache and routing saved stands beside each request, against the list price of what was asked for.",
  ],
] as const;

/** What it is, in one screen, with code that works. */
export function Landing() {
  const sample = {
    base: window.location.origin,
    key: "lgw_live_...",
    body: { model: "anthropic/claude-sonnet-4-5", messages: [{ role: "user", content: "Hello" }] },
  };
  return (
    <PublicFrame>
      <section className="grid items-center gap-10 lg:grid-cols-2">
        <div>
          <h1 className="text-hero font-semibold text-balance">One key, every model.</h1>
          <p className="mt-4 max-w-prose text-[16px] leading-6 text-muted">
            Keep your SDK and change one base URL. llmgateway stands between your applications and every LLM provider:
            failover, limits, caching, and an exact account of every request.
          </p>
          <div className="mt-6 flex flex-wrap gap-3">
            <Link to="/signup" className={buttonClasses("primary", "h-10 px-4")}>
              Start free
            </Link>
            <Link to="/pricing" className={buttonClasses("secondary", "h-10 px-4")}>
              See prices
            </Link>
          </div>
        </div>
        <Snippets sample={sample} />
      </section>
      <section aria-label="An example" className="mt-16">
        <h2 className="text-title font-semibold">Every request explains itself</h2>
        <p className="mt-1 mb-5 text-muted">
          Where it went and why, how long each step took, and the price of every token.
        </p>
        <ExampleRequest />
      </section>
      <section aria-label="What it promises" className="mt-16 grid gap-x-10 gap-y-8 sm:grid-cols-2 lg:grid-cols-3">
        {PROMISES.map(([title, text]) => (
          <div key={title}>
            <h2 className="font-semibold">{title}</h2>
            <p className="mt-1 text-muted">{text}</p>
          </div>
        ))}
      </section>
    </PublicFrame>
  );
}
