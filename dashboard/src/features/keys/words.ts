import type { Schema } from "@/lib/api/client";
import { budgetsSet, type Span } from "@/lib/budgets";
import { count, dollars } from "@/lib/format";

type Key = Pick<Schema["KeyShown"], "limits" | "budgets">;

const LIMITS = [
  ["requests_per_minute", "/min"],
  ["requests_per_hour", "/hour"],
  ["requests_per_day", "/day"],
  ["tokens_per_minute", " tokens/min"],
  ["concurrency", " at once"],
] as const;

const SPANS: Record<Span, string> = { day: "a day", month: "a month", total: "in all" };

/** 60/min, 5/day, 3 at once */
export function limitsOf({ limits }: Key): string {
  const parts = LIMITS.flatMap(([field, unit]) => (limits[field] === null ? [] : [`${count(limits[field])}${unit}`]));
  return parts.join(", ") || "none of its own";
}

/** $5 a day, $100 a month, soft */
export function budgetOf({ budgets }: Key): string {
  const parts = budgetsSet(budgets).map(([span, budget]) => `${dollars(budget)} ${SPANS[span]}`);
  if (parts.length === 0) return "none";
  return [...parts, ...(budgets.mode === "soft" ? ["soft"] : [])].join(", ");
}
