import type { ReactNode } from "react";

import { classes } from "@/components/classes";

export type Tone = "plain" | "good" | "bad" | "soon" | "info";

const TONES: Record<Tone, string> = {
  plain: "bg-raised text-muted",
  good: "bg-accent-soft text-accent",
  bad: "bg-red-soft text-red",
  soon: "bg-amber-soft text-amber",
  info: "bg-blue-soft text-blue",
};

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span
      className={classes(
        "inline-flex items-center gap-1 rounded-full px-2 py-px text-caption font-medium whitespace-nowrap",
        TONES[tone],
      )}
    >
      {children}
    </span>
  );
}
