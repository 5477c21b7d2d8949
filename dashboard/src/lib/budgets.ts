import type { Schema } from "@/lib/api/client";
import { typable } from "@/lib/format";
import { typedDollars } from "@/lib/typed";

type Shown = Schema["BudgetsShown"];

export type Span = "day" | "month" | "total";

/** What stands in a form of budgets: texts, as they were typed. */
export interface BudgetDraft {
  dayUsd: string;
  monthUsd: string;
  totalUsd: string;
  mode: "hard" | "soft";
}

export function budgetDraftOf(budgets: Shown | undefined): BudgetDraft {
  return {
    dayUsd: typable(budgets?.day_usd),
    monthUsd: typable(budgets?.month_usd),
    totalUsd: typable(budgets?.total_usd),
    mode: budgets?.mode === "soft" ? "soft" : "hard",
  };
}

/** As the API takes them; an empty field is no budget. */
export function budgetBody(draft: BudgetDraft) {
  return {
    day_usd: typedDollars(draft.dayUsd),
    month_usd: typedDollars(draft.monthUsd),
    total_usd: typedDollars(draft.totalUsd),
    mode: draft.mode,
  };
}

/** The budgets that are set, the shortest first. */
export function budgetsSet(budgets: Shown | undefined): [Span, string][] {
  const all: [Span, string | null | undefined][] = [
    ["day", budgets?.day_usd],
    ["month", budgets?.month_usd],
    ["total", budgets?.total_usd],
  ];
  return all.filter((one): one is [Span, string] => Boolean(one[1]));
}
