import { Meter, Unknown } from "@/features/budgets/meter";
import type { Known } from "@/features/budgets/spending";
import type { Schema } from "@/lib/api/client";
import { budgetsSet, type Span } from "@/lib/budgets";
import { dollars } from "@/lib/format";

interface Props {
  spent: (span: Span) => Known;
  budgets: Schema["BudgetsShown"];
  name: string;
}

const SPANS: Record<Span, string> = { day: "today", month: "this month", total: "in all" };

/** How much of each budget is used; what was spent this month where there is none. */
export function Meters({ spent, budgets, name }: Props) {
  const set = budgetsSet(budgets);
  if (set.length === 0) {
    const month = spent("month");
    return <span className="tabular">{month === undefined ? <Unknown /> : dollars(month)} this month</span>;
  }
  return (
    <div className="flex flex-col gap-2">
      {set.map(([span, budget]) => (
        <Meter
          key={span}
          spent={spent(span)}
          budget={budget}
          span={SPANS[span]}
          isHard={budgets.mode === "hard"}
          name={set.length > 1 ? `${name}, ${SPANS[span]}` : name}
        />
      ))}
    </div>
  );
}
