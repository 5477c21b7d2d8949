import type { Schema } from "@/lib/api/client";
import { typedDollars, typedNumber } from "@/lib/typed";

type Told = Schema["RouteTarget"];

/** One target of an alias, as it is typed. */
export interface Target {
  name: string;
  weight: string;
  /** Dollars per million tokens; null is the catalogue's price. */
  price: { input: string; output: string } | null;
  /** As it was before: what the form does not ask stays with the model that it was said of. */
  before: Told | null;
}

export const NEW_TARGET: Target = { name: "", weight: "1", price: null, before: null };

/** What an alias stands for, to be edited. */
export function typedTargets(targets: readonly Told[]): Target[] {
  return targets.map((one) => ({
    name: `${one.provider}/${one.model}`,
    weight: String(one.weight),
    price: one.price ? { input: one.price.input, output: one.price.output } : null,
    before: one,
  }));
}

/** A target as the API takes it. */
export function toldTarget({ name, weight, price, before }: Target): Told {
  const [provider = "", ...rest] = name.trim().split("/");
  const model = rest.join("/");
  const same = before?.provider === provider && before.model === model ? before : null;
  return {
    ...same,
    provider,
    model,
    weight: typedNumber(weight) ?? 1,
    price: price && {
      ...same?.price,
      input: typedDollars(price.input) ?? "0",
      output: typedDollars(price.output) ?? "0",
    },
  };
}
