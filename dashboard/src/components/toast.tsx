import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from "react";

interface Told {
  id: number;
  text: string;
  undo?: (() => void) | undefined;
}

type Tell = (text: string, undo?: () => void) => void;

const Telling = createContext<Tell>(() => undefined);
const SECONDS = 4;
/** An undo must be read, decided and reached. */
const UNDO_SECONDS = 8;
const MOST = 3;

/** Says in a corner that something is done, with its undo where there is one. */
export function useTell(): Tell {
  return useContext(Telling);
}

export function Toasts({ children }: { children: ReactNode }) {
  const [told, setTold] = useState<Told[]>([]);
  const next = useRef(0);
  const drop = useCallback((id: number) => setTold((all) => all.filter((one) => one.id !== id)), []);
  const tell = useCallback<Tell>(
    (text, undo) => {
      const id = next.current++;
      setTold((all) => [...all.filter((one) => one.text !== text).slice(1 - MOST), { id, text, undo }]);
      setTimeout(() => drop(id), (undo ? UNDO_SECONDS : SECONDS) * 1000);
    },
    [drop],
  );
  const list = useMemo(
    () =>
      told.map((one) => (
        <li
          key={one.id}
          className="appear flex items-center justify-between gap-4 rounded-card border border-line bg-surface px-4 py-2.5 text-table shadow-float"
        >
          {one.text}
          {one.undo ? (
            <button
              type="button"
              className="font-medium text-accent hover:underline"
              onClick={() => {
                one.undo?.();
                drop(one.id);
              }}
            >
              Undo
            </button>
          ) : null}
        </li>
      )),
    [told, drop],
  );
  return (
    <Telling value={tell}>
      {children}
      <ul
        aria-live="polite"
        // On a phone over the bar at the top, one at a time: a form's buttons are at the bottom.
        className="fixed right-4 bottom-4 z-50 flex max-w-[calc(100vw-2rem)] flex-col gap-2 max-sm:top-1 max-sm:right-2 max-sm:bottom-auto max-sm:left-2 max-sm:max-w-none max-sm:[&>li:not(:last-child)]:hidden"
      >
        {list}
      </ul>
    </Telling>
  );
}
