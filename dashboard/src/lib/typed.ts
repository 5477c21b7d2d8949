/** A number that was typed; null when nothing was. What is no number goes to the API as it is, which says what is wrong with it. */
export function typedNumber(typed: string): number | null {
  const text = typed.trim();
  if (text === "") return null;
  const value = Number(text);
  return Number.isNaN(value) ? (text as unknown as number) : value;
}

/** An amount in dollars that was typed, as text: no digit of it is lost. */
export function typedDollars(typed: string): string | null {
  return typed.trim() || null;
}
