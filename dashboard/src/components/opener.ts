import { useState } from "react";

/** What has the focus now, to have it back. Of a menu, which is gone soon, its button. */
function focusedNow(): Element | null {
  const menu = document.activeElement?.closest("[role=menu]");
  return menu ? document.getElementById(menu.getAttribute("aria-labelledby") ?? "") : document.activeElement;
}

const FIELDS = "input:enabled, select:enabled, textarea:enabled";
const OTHERS = "a[href], button:enabled:not([aria-label=Close]), [tabindex='0']";

/** For what opens above a page: the focus goes to its first field, and back to what opened it. */
export function useFocus(open: boolean) {
  const [of, setOf] = useState<{ open: boolean; opener: Element | null }>({ open: false, opener: null });
  if (of.open !== open) setOf({ open, opener: open ? focusedNow() : of.opener });
  return {
    onOpenAutoFocus: (event: Event): void => {
      const opened = event.currentTarget as Element;
      const first = opened.querySelector<HTMLElement>(FIELDS) ?? opened.querySelector<HTMLElement>(OTHERS);
      if (!first) return;
      event.preventDefault();
      first.focus();
    },
    onCloseAutoFocus: (event: Event): void => {
      event.preventDefault();
      const there = of.opener?.isConnected && of.opener !== document.body ? of.opener : document.getElementById("main");
      if (there instanceof HTMLElement) there.focus();
    },
  };
}
