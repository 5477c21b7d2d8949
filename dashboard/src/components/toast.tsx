import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from "react";

interface Told {
  id: number;
  text: string;
  undo?: (() => void) | undefined;
}

type Tell = (text: string, undo?: () => void) => void;

const Telling = createContext<Tell>(() => undefined);
const SECONDS = 6;

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
      setTold((all) => [...all.slice(-2), { id, text, undo }]);
      setTimeout(() => drop(id), SECONDS * 1000);
    },
    [drop],
  );
  const list = useMemo(
    () =>
      told.map((one) => (
        <li
          key={one.id}
          className="appear flex items-center gap-4 rounded-card border border-line bg-surface px-4 py-2.5 text-table shadow-float"
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
      <ul aria-live="polite" className="fixed right-4 bottom-4 z-50 flex max-w-[calc(100vw-2rem)] flex-col gap-2">
        {list}
      </ul>
    </Telling>
  );
}
