import type { Schema } from "@/lib/api/client";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** Dollars with as many digits as mean something: $1,204 · $3.42 · $0.000381. */
export function dollars(usd: string | number | null | undefined): string {
  if (usd === null || usd === undefined) return "—";
  const value = Number(usd);
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === 0) return "$0";
  if (size >= 1000) return `${sign}$${whole.format(size)}`;
  if (size >= 0.995) return `${sign}$${size.toFixed(2)}`;
  const digits = Math.min(9, Math.max(2, 2 - Math.floor(Math.log10(size))));
  return `${sign}$${size.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}

const exactCents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** Dollars that somebody pays or has, never without their cents: $1,234.56 · $0.00; what is less than one as in dollars. */
export function cents(usd: string | number | null | undefined): string {
  const value = Number(usd ?? 0);
  if (usd === null || usd === undefined || (value !== 0 && Math.abs(value) < 0.01)) return dollars(usd);
  return `${value < 0 ? "−" : ""}$${exactCents.format(Math.abs(value))}`;
}

/** 12,400 */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "—" : whole.format(value);
}

/** 12.4K, for axes and narrow places. */
export function short(value: number): string {
  return compact.format(value);
}

/** 0.4 % · more than 1,000 % */
export function share(part: number, all: number): string {
  if (all === 0) return "—";
  const percent = (100 * part) / all;
  if (percent > 1000) return "more than 1,000 %";
  if (percent === 0) return "0 %";
  if (Math.abs(percent) < 0.1) return "< 0.1 %";
  return `${percent.toFixed(Math.abs(percent) >= 10 ? 0 : 1)} %`;
}

/** 412 ms · 1.84 s · 2 min */
export function duration(milliseconds: number | null | undefined): string {
  if (milliseconds === null || milliseconds === undefined) return "—";
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

/** 1.2 MB */
export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB"];
  const place = Math.min(units.length - 1, size > 0 ? Math.floor(Math.log10(size) / 3) : 0);
  return `${(size / 1000 ** place).toFixed(place === 0 ? 0 : 1)} ${units[place] ?? "B"}`;
}

/** How something changed against before: +12 %. */
export function change(now: number, before: number): string | null {
  if (before === 0) return null;
  const percent = (100 * (now - before)) / before;
  if (Math.abs(percent) < 0.05) return "±0 %";
  return `${percent >= 0 ? "+" : "−"}${Math.abs(percent).toFixed(Math.abs(percent) >= 10 ? 0 : 1)} %`;
}

/** 900.000000000 -> 900, 0.50 -> 0.5: an amount of the API as one would type it. */
export function typable(usd: string | null | undefined): string {
  return (usd ?? "").replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** openai_compatible -> Openai compatible; for what has no better name. */
export function words(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** the provider's cost plus 5 % and $0.001 a request */
export function tokenPriceWords({ markup_percent, request_fee_usd }: Schema["TokenPrice"]): string {
  const more = [
    ...(Number(markup_percent) > 0 ? [`${markup_percent} %`] : []),
    ...(Number(request_fee_usd) > 0 ? [`${dollars(request_fee_usd)} a request`] : []),
  ];
  return more.length === 0 ? "the provider's cost" : `the provider's cost plus ${more.join(" and ")}`;
}
