import { classes } from "@/components/classes";

const STEPS = [
  { name: "anthropic/claude-opus-4-1", words: "529 overloaded, 412 ms", from: 0, width: 22, good: false },
  { name: "anthropic/claude-sonnet-4-5", words: "first token 620 ms, 71 tokens/s", from: 22, width: 78, good: true },
] as const;

const MONEY = [
  ["Input", "812 × $3/M", "$0.002436"],
  ["Cached", "1,024 × $0.30/M", "$0.000307"],
  ["Output", "143 × $15/M", "$0.002145"],
] as const;

/** What a request's page tells, on a request that went another way than it was meant to. */
export function ExampleRequest() {
  return (
    <figure className="rounded-card border border-line bg-surface">
      <figcaption className="tabular flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-5 py-3 text-table">
        <span className="font-medium">smart → served by anthropic/claude-sonnet-4-5</span>
        <span className="text-muted">1.84 s</span>
        <span className="ml-auto font-medium">$0.00489</span>
        <span className="text-accent">80 % less than list price</span>
      </figcaption>
      <div className="grid gap-8 p-5 md:grid-cols-[3fr_2fr]">
        <ol className="flex flex-col gap-4 text-table">
          {STEPS.map((step, place) => (
            <li key={step.name}>
              <svg
                viewBox="0 0 100 4"
                preserveAspectRatio="none"
                aria-hidden
                className="mb-1.5 h-2.5 w-full rounded bg-raised"
              >
                <rect x={step.from} width={step.width} height={4} fill={step.good ? "var(--accent)" : "var(--red)"} />
              </svg>
              <span className="text-muted">Attempt {place + 1}</span> <span className="font-medium">{step.name}</span>
              <span className={classes("tabular block text-caption", step.good ? "text-muted" : "text-red")}>
                {step.words}
              </span>
            </li>
          ))}
        </ol>
        <dl className="divide-y divide-line text-table">
          {MONEY.map(([name, factors, usd]) => (
            <div key={name} className="tabular flex justify-between gap-4 py-1.5">
              <dt className="text-muted">{name}</dt>
              <dd>
                <span className="text-muted">{factors} = </span>
                {usd}
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </figure>
  );
}
