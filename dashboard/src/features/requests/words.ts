import type { Schema } from "@/lib/api/client";
import { duration } from "@/lib/format";

type Named = Pick<Schema["RequestShown"], "model" | "provider" | "served_model">;

/** What was asked for; a request that was refused early may not have said it. */
export function modelOf(request: Named): string {
  return request.model || "no model";
}

/** Who served it, where that is not what was asked for. */
export function servedBy({ model, provider, served_model }: Named): string | null {
  if (!provider) return null;
  const served = `${provider}/${served_model ?? ""}`;
  return served === model ? null : served;
}

/** What took less than a millisecond took some time. */
export function took(milliseconds: number | null | undefined): string {
  return milliseconds === 0 ? "< 1 ms" : duration(milliseconds);
}
