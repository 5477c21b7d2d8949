import type { Known } from "@/features/budgets/spending";
import { dollars, share } from "@/lib/format";

interface Props {
  spent: Known;
  isHard: boolean;
  budget: string;
  /** The time that it is for, in words. */
  span: string;
  name: string;
}

/** How much of a budget is used: amber from 80 %, red at its end. */
export function Meter({ spent, budget, span, name, isHard }: Props) {
  const limit = Number(budget);
  const part = (spent ?? 0) / limit;
  const colour = part >= 1 ? "var(--red)" : part >= 0.8 ? "var(--amber)" : "var(--accent)";
  return (
    <div className="flex min-w-40 flex-col gap-1">
      <span className="tabular">
        {spent === undefined ? <Unknown /> : dollars(spent)}{" "}
        <span className="text-faint">
          {typeof spent !== "number" ? "" : `(${share(spent, limit)}) `}of {dollars(budget)} {span}
          {isHard ? "" : ", soft"}
        </span>
        {isHard && part >= 1 ? <span className="text-red"> · requests are refused</span> : null}
      </span>
      <svg
        role="meter"
        aria-label={`${name}: part of the budget that is spent`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.min(100, Math.round(part * 100))}
        aria-valuetext={typeof spent === "number" ? undefined : "not known"}
        viewBox="0 0 100 4"
        preserveAspectRatio="none"
        className="h-1.5 w-full rounded bg-raised"
      >
        <rect width={Math.min(100, 100 * part)} height={4} fill={colour} />
      </svg>
    </div>
  );
}

/** In the place of a figure that is not known yet. */
export function Unknown() {
  return <span aria-hidden className="skeleton inline-block h-3.5 w-12 rounded align-middle" />;
}
