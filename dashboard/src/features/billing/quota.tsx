import type { Schema } from "@/lib/api/client";
import { count, share } from "@/lib/format";

/** What the plan includes, and what of it is used. */
export function Quota({ billing }: { billing: Schema["BillingShown"] }) {
  const { usage } = billing;
  return (
    <div className="flex flex-col gap-4">
      <Bar name="Requests" used={usage.requests} included={usage.requests_included} />
      <Bar name="Tokens" used={usage.tokens} included={usage.tokens_included} />
      <p className="text-caption text-faint">Requests that providers served. Answers from the cache do not count.</p>
    </div>
  );
}

function Bar({ name, used, included }: { name: string; used: number; included: number | null }) {
  const part = included ? used / included : 0;
  const colour = part >= 1 ? "var(--red)" : part >= 0.8 ? "var(--amber)" : "var(--accent)";
  return (
    <div>
      <p className="tabular mb-1 flex justify-between text-table">
        <span className="text-muted">{name}</span>
        <span>
          {count(used)}
          <span className="text-faint">
            {included === null ? ", without limit" : ` of ${count(included)} (${share(used, included)})`}
          </span>
        </span>
      </p>
      {included === null ? null : (
        <svg
          role="meter"
          aria-label={`${name}: part of the plan that is used`}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.min(100, Math.round(part * 100))}
          viewBox="0 0 100 4"
          preserveAspectRatio="none"
          className="h-1.5 w-full rounded bg-raised"
        >
          <rect width={Math.min(100, 100 * part)} height={4} fill={colour} />
        </svg>
      )}
    </div>
  );
}
