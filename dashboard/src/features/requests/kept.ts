import type { Schema } from "@/lib/api/client";

type Logging = Schema["PolicyShown"]["content_logging"];

/** Why nothing of such a request is kept now; null where it may be. */
export function whyNotKept(logging: Logging, outcome: string): string | null {
  if (logging === "off") return "Not kept: this organisation does not log content.";
  if (logging === "errors" && outcome !== "failed" && outcome !== "refused")
    return "Not kept: this organisation logs the content of failed and refused requests only.";
  return null;
}
