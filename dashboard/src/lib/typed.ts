/** 1,000 · 1 000 · $12,000.50: digits in groups of three, as people type them. */
const GROUPED = /^\$?\d{1,3}(?:([,'_ \u00a0\u202f])\d{3})(?:\1\d{3})*(?:\.\d+)?$/;

function ungrouped(typed: string): string {
  const text = typed.trim();
  return (GROUPED.test(text) ? text.replace(/[,'_\s]/g, "") : text).replace(/^\$\s*/, "");
}

/** A number that was typed; null when nothing was. What is no number goes to the API as it is, which says what is wrong with it. */
export function typedNumber(typed: string): number | null {
  const text = ungrouped(typed);
  if (text === "") return null;
  const value = Number(text);
  return Number.isNaN(value) ? (text as unknown as number) : value;
}

/** An amount in dollars that was typed, as text: no digit of it is lost. */
export function typedDollars(typed: string): string | null {
  return ungrouped(typed) || null;
}
