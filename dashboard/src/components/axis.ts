import { short } from "@/lib/format";

const NARROW = 7;

/** A value on an axis: the page's own format, without noughts, and compact where it is long. */
export function axisText(value: number, format: (value: number) => string): string {
  const text = format(value).replace(/\.0+(?=\D|$)/, "");
  return text.length > NARROW && value >= 10_000 ? text.replace(/[\d.,]+/, short(value)) : text;
}
