import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Dialog as Radix } from "radix-ui";
import { type KeyboardEvent, useState } from "react";

import { classes } from "@/components/classes";
import { useFocus } from "@/components/opener";
import { type Hit, hitsOf } from "@/features/shell/hits";
import { MANAGE, USE } from "@/features/shell/pages";
import { useOrg } from "@/lib/me";
import { keysOptions, modelsOptions } from "@/lib/org_queries";

function useHits(text: string): Hit[] {
  const { slug, permissions } = useOrg();
  const keys = useQuery({ ...keysOptions(slug), enabled: permissions.includes("keys:read") }).data;
  const models = useQuery({ ...modelsOptions(slug), enabled: permissions.includes("routes:read") }).data;
  const pages: Hit[] = [...USE, ...MANAGE]
    .filter((place) => permissions.includes(place.needs))
    .map((place) => ({ title: place.title, kind: "Page", to: place.to }));
  pages.push({ title: "Profile", kind: "Page", to: "/profile" });
  return hitsOf(text, { pages, keys: keys?.data ?? [], models: models?.data ?? [] });
}

/** Go anywhere by typing. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const hits = useHits(text);
  const focus = useFocus(true);
  const navigate = useNavigate();
  const org = useOrg();
  const open = (hit: Hit | undefined): void => {
    if (!hit) return;
    onClose();
    const { to, search } = hit;
    void navigate({ to, params: { org: org.slug, ...hit.params }, ...(search ? { search } : {}) });
  };
  const keys = (event: KeyboardEvent): void => {
    if (event.key === "ArrowDown") setAt(Math.min(hits.length - 1, at + 1));
    else if (event.key === "ArrowUp") setAt(Math.max(0, at - 1));
    else if (event.key === "Enter") open(hits[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Radix.Root open onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Radix.Content
          {...focus}
          aria-describedby={undefined}
          className="appear fixed top-[12vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-lg -translate-x-1/2 rounded-card border border-line bg-surface shadow-float"
        >
          <Radix.Title className="sr-only">Go to</Radix.Title>
          <input
            role="combobox"
            aria-expanded
            aria-controls="palette-hits"
            aria-activedescendant={hits[at] ? `palette-${at}` : undefined}
            aria-label="A page, a key, a model or the id of a request"
            placeholder="A page, a key, a model or the id of a request"
            className="h-11 w-full border-b border-line bg-transparent px-4 outline-none placeholder:text-faint"
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setAt(0);
            }}
            onKeyDown={keys}
          />
          <ul id="palette-hits" role="listbox" aria-label="What was found" className="max-h-80 overflow-y-auto p-1">
            {hits.map((hit, place) => (
              // The keys are the combobox's.
              // eslint-disable-next-line jsx-a11y/click-events-have-key-events
              <li
                key={`${hit.kind} ${hit.title} ${place}`}
                id={`palette-${place}`}
                role="option"
                aria-selected={place === at}
                onClick={() => open(hit)}
                onMouseEnter={() => setAt(place)}
                className={classes(
                  "flex cursor-pointer justify-between rounded-control px-3 py-2 text-table",
                  place === at && "bg-raised",
                )}
              >
                {hit.title}
                <span className="text-caption text-faint">{hit.kind}</span>
              </li>
            ))}
          </ul>
          {hits.length === 0 ? (
            <p role="status" className="px-4 pt-1 pb-4 text-table text-muted">
              Nothing has this name. Pages, keys and models are found by a part of theirs, a request by its whole id.
            </p>
          ) : null}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
