import type { ReactNode } from "react";

import { classes } from "@/components/classes";

interface SegmentsProps<T extends string> {
  label: string;
  value: T;
  choices: readonly (readonly [T, ReactNode])[];
  onChange: (value: T) => void;
}

/** A few choices, one of which holds. */
export function Segments<T extends string>({ label, value, choices, onChange }: SegmentsProps<T>) {
  return (
    <div
      role="radiogroup"
      aria-label={label}
      className="inline-flex max-w-full overflow-x-auto rounded-control border border-line bg-surface p-0.5"
    >
      {choices.map(([name, title]) => (
        <button
          key={name}
          type="button"
          role="radio"
          aria-checked={name === value}
          onClick={() => onChange(name)}
          className={classes(
            "rounded px-2.5 py-1 text-caption font-medium",
            name === value ? "bg-raised text-text" : "text-muted hover:text-text",
          )}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
