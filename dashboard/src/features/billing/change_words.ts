import type { Schema } from "@/lib/api/client";
import { cents } from "@/lib/format";
import { utcDay } from "@/lib/time";

type Preview = Schema["ChangePreview"];
type Step = Schema["ChangeStep"];

const on = (time: string | null | undefined): string => (time ? `on ${utcDay(time)}` : "then");

const WORDS: Record<Step, (plan: string, preview: Preview) => string> = {
  subscribe: (_, { due_now_usd }) =>
    `You pay ${cents(due_now_usd)} on the next page, and the same every month from then on, until you end it.`,
  settle: (_, { due_now_usd }) => `An invoice of ${cents(due_now_usd)} is not paid. It comes first, on the next page.`,
  keep: (plan, { next_at }) => `${plan} goes on: nothing is charged now, and it renews ${on(next_at)}.`,
  raise: (_, { due_now_usd, next_usd, next_at }) =>
    `Your card is charged ${cents(due_now_usd)} now, for the rest of this period${next_usd ? `, and ${cents(next_usd)} ${on(next_at)}` : ""}.`,
  lower: (plan, { next_usd, next_at }) =>
    `Nothing is charged now. ${plan} begins ${on(next_at)}${next_usd ? `, for ${cents(next_usd)}` : ""}.`,
  end: (plan, { effective_at }) =>
    `The plan is not charged any more, only what is used until then or invoiced already. ${plan} begins ${on(effective_at)}.`,
};

const ACTS: Record<Step, (plan: string, preview: Preview) => string> = {
  subscribe: () => "Go to payment",
  settle: (_, { due_now_usd }) => `Pay ${cents(due_now_usd)}`,
  keep: (plan) => `Keep ${plan}`,
  raise: (plan, { due_now_usd }) =>
    Number(due_now_usd) > 0 ? `Pay ${cents(due_now_usd)} now` : `Change to ${plan} now`,
  lower: (plan) => `Change to ${plan}`,
  end: (plan) => `Change to ${plan}`,
};

/** What a change costs, now and then; null where it cannot be made here. */
export function costOf(plan: string, preview: Preview): string | null {
  return preview.step && WORDS[preview.step](plan, preview);
}

/** What the button says that does it. */
export function actOf(plan: string, preview: Preview | undefined): string {
  return preview?.step ? ACTS[preview.step](plan, preview) : "Go on";
}
