import { useState } from "react";

type Change<V> = V extends readonly unknown[] ? V : V extends object ? Changes<V> : V;
/** Some of the fields, in groups too. */
export type Changes<T> = { [K in keyof T]?: Change<T[K]> };

interface Edits<T> {
  /** What is saved, with what was typed over it. */
  draft: T;
  type: (part: Partial<T>) => void;
  /** What was typed is saved now. */
  clear: () => void;
}

/** A form over what is saved: a field that nobody typed in follows what others save meanwhile. */
export function useEdits<T extends object>(saved: T): Edits<T> {
  const [typed, setTyped] = useState<Partial<T>>({});
  return {
    draft: { ...saved, ...typed },
    type: (part) => setTyped((before) => ({ ...before, ...part })),
    clear: () => setTyped({}),
  };
}

/** The fields that are not as they were: the only ones to send, so that what others changed meanwhile stays. */
export function changesOf<T extends object>(was: T, now: T): Changes<T> {
  const changed = (Object.keys(now) as (keyof T)[]).flatMap((name) => {
    const [before, after] = [was[name], now[name]];
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [[name, isGroup(before) && isGroup(after) ? changesOf(before, after) : after]];
  });
  return Object.fromEntries(changed) as Changes<T>;
}

function isGroup(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
