import { classes } from "@/components/classes";
import type { Known } from "@/features/budgets/spending";
import { standingOf } from "@/features/budgets/standing";
import type { Schema } from "@/lib/api/client";
import { budgetsSet, type Span } from "@/lib/budgets";
import { dollars } from "@/lib/format";

interface Props {
  budgets: Schema["BudgetsShown"] | undefined;
  spent: (span: Span) => Known;
  /** The figures cannot be had: then nothing is said of them. */
  failed: boolean;
  /** What the organisation is charged of this month. */
  charged: number;
}

/** Whether requests are refused now, else what is spent and what is left. */
export function Answer({ budgets, spent, failed, charged }: Props) {
  const month = spent("month");
  const isComplete = budgets && month !== undefined && budgetsSet(budgets).every(([span]) => spent(span) !== undefined);
  const isSet = !budgets || budgetsSet(budgets).length > 0;
  const mails = "Owners and admins get a mail at 50, 80 and 100 % of a budget.";
  if (!isComplete && !failed)
    return (
      <>
        <span
          aria-hidden
          className={classes("skeleton inline-block h-4 max-w-full align-middle", isSet ? "w-[36rem]" : "w-44")}
        />{" "}
        {mails}
      </>
    );
  const { refused, left } = standingOf(budgets, spent);
  const hasHard = budgets?.mode === "hard" && isSet;
  return (
    <>
      {refused ? <strong className="font-semibold text-red">Requests are refused: {refused}. </strong> : null}
      {typeof month !== "number" ? null : (
        <>
          You spent <strong className="tabular font-semibold text-text">{dollars(month)}</strong> this month
          {left ? `; ${left}` : ""}.{" "}
        </>
      )}
      {hasHard && !refused ? "Beyond it requests are refused. " : null}
      {charged > 0 ? `Budgets count what providers charge; you are charged ${dollars(charged)} this month. ` : null}
      {mails}
    </>
  );
}
