import { Link } from "@tanstack/react-router";

import { Stat } from "@/components/card";
import { Skeleton } from "@/components/states";
import type { Schema } from "@/lib/api/client";
import { change, count, dollars, duration, share } from "@/lib/format";
import { useOrg } from "@/lib/me";
import type { Range } from "@/lib/range";

type Row = Schema["SummaryRow"];

/** Of the request list's filters, those that figures lead to. */
interface RequestSearch {
  outcome?: "failed";
}

interface Figure {
  label: string;
  /** The requests behind it. */
  behind?: RequestSearch;
  meaning: string;
  value: (row: Row) => string;
  number: (row: Row) => number;
  note?: (row: Row) => string | null;
}

const FIGURES: readonly Figure[] = [
  {
    label: "Requests",
    behind: {},
    meaning: "All requests of live keys: answered, from the cache too, failed and refused",
    value: (row) => count(row.requests),
    number: (row) => row.requests,
  },
  {
    label: "Tokens",
    meaning: "Prompt and completion tokens",
    value: (row) => count(row.prompt_tokens + row.completion_tokens),
    number: (row) => row.prompt_tokens + row.completion_tokens,
  },
  {
    label: "Spend",
    meaning: "What providers charge for these requests, whoever pays them; what you are charged stands below",
    value: (row) => dollars(row.cost_usd),
    number: (row) => Number(row.cost_usd),
    note: (row) => (Number(row.charge_usd) > 0 ? `${dollars(row.charge_usd)} charged` : null),
  },
  {
    label: "Saved by the cache",
    meaning: "List price of answers that came from the cache",
    value: (row) => dollars(row.saved_by_cache_usd),
    number: (row) => Number(row.saved_by_cache_usd),
  },
  {
    label: "Saved by routing",
    meaning: "List price of the model that was asked for, less the cost of the one that answered",
    value: (row) => dollars(row.saved_by_routing_usd),
    number: (row) => Number(row.saved_by_routing_usd),
  },
  {
    label: "Error rate",
    behind: { outcome: "failed" },
    meaning: "Requests that failed after every target was tried",
    value: (row) => share(row.errors, row.requests),
    number: (row) => row.errors / Math.max(1, row.requests),
  },
  {
    label: "Latency p50 · p95",
    meaning: "From the request's arrival to the end of its answer",
    value: (row) => `${duration(row.p50_ms)} · ${duration(row.p95_ms)}`,
    number: (row) => row.p50_ms ?? 0,
  },
  {
    label: "First token p50 · p95",
    meaning: "From the request's arrival to the first token of a stream",
    value: (row) => `${duration(row.first_token_p50_ms)} · ${duration(row.first_token_p95_ms)}`,
    number: (row) => row.first_token_p50_ms ?? 0,
  },
];

/** The figures of the whole range, against the period before. */
export function Totals({ now, before, range }: { now: Row | undefined; before: Row | undefined; range: Range }) {
  const org = useOrg();
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      {FIGURES.map((figure) => {
        const moved = now && before ? change(figure.number(now), figure.number(before)) : null;
        const notes = [now && figure.note?.(now), moved && `${moved} against before`].filter(Boolean);
        return (
          <Stat
            key={figure.label}
            label={figure.label}
            meaning={figure.meaning}
            value={now ? figure.value(now) : <Skeleton className="h-7 w-24" />}
            note={notes.join(" · ") || null}
            more={
              figure.behind ? (
                <Link
                  to="/o/$org/requests"
                  params={{ org: org.slug }}
                  search={{ ...figure.behind, since: range, test: false }}
                  className="text-accent hover:underline"
                >
                  View
                </Link>
              ) : null
            }
          />
        );
      })}
    </dl>
  );
}
