import { useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";

import { useLive } from "@/lib/live";
import { useOrg } from "@/lib/me";

const SECONDS = 3;

/** Asks for the figures anew when requests arrive, at most every few seconds. */
export function useLiveFigures(): void {
  const org = useOrg();
  const queries = useQueryClient();
  const waiting = useRef(false);
  useLive(org.slug, {
    onRequest: () => {
      if (waiting.current) return;
      waiting.current = true;
      setTimeout(() => {
        waiting.current = false;
        void queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/usage/summary"] });
      }, SECONDS * 1000);
    },
  });
}
