import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

import { MANAGE, USE } from "@/features/shell/pages";
import { useOrg } from "@/lib/me";

const GO = [...USE, ...MANAGE].filter((place) => place.key);

export const SHORTCUTS: readonly (readonly [string, string])[] = [
  ["⌘K or Ctrl K", "Go to a page, or find a request"],
  ["j, k", "Down and up a list"],
  ["Enter", "Open the chosen row"],
  ["Esc", "Close"],
  ...GO.map((place) => [`g ${place.key ?? ""}`, place.title] as const),
  ["?", "This list"],
];

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input,textarea,select,[contenteditable]") !== null;
}

/** Keys that hold on every page. */
export function useShortcuts(open: { palette: () => void; list: () => void }): void {
  const navigate = useNavigate();
  const { slug, permissions } = useOrg();
  const went = useRef(0);
  useEffect(() => {
    const hear = (event: KeyboardEvent): void => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        open.palette();
        return;
      }
      if (isTyping(event.target) || event.metaKey || event.ctrlKey || event.altKey) return;
      if (event.key === "?") open.list();
      else if (event.key === "g") went.current = event.timeStamp;
      else if (event.timeStamp - went.current < 1200) {
        const place = GO.find((one) => one.key === event.key);
        went.current = 0;
        if (place && permissions.includes(place.needs)) void navigate({ to: place.to, params: { org: slug } });
      }
    };
    window.addEventListener("keydown", hear);
    return () => window.removeEventListener("keydown", hear);
  });
}
