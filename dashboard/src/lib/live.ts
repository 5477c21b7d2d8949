import { useEffect, useEffectEvent, useState } from "react";

import { api } from "@/lib/api/client";
import { eventsIn, type Told } from "@/lib/events";

const AGAIN_SECONDS = 3;

async function listen(org: string, signal: AbortSignal, hear: (told: Told) => void): Promise<void> {
  const { data } = await api.GET("/api/v1/orgs/{org}/usage/live", {
    params: { path: { org } },
    parseAs: "stream",
    signal,
  });
  const stream = data as ReadableStream<Uint8Array> | null | undefined;
  if (!stream) return;
  const reader = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const found = eventsIn((rest + value).replaceAll("\r", ""));
    rest = found.rest;
    found.events.forEach(hear);
  }
}

/** From `ready` on each request is told: what was stored before it, or left out, must be asked for. */
const NEWS = new Set(["ready", "request", "missed"]);

/** Hears when there is something new to see, for as long as the page is open; a broken connection is made again. */
function useLive(org: string, onNews: () => void, on: boolean): void {
  const hear = useEffectEvent((told: Told) => {
    if (NEWS.has(told.event)) onNews();
  });
  useEffect(() => {
    if (!on) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (): void => {
      if (!stop.signal.aborted) timer = setTimeout(run, AGAIN_SECONDS * 1000);
    };
    const run = (): void => void listen(org, stop.signal, hear).then(again, again);
    run();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [org, on]);
}

/** Asks for something anew when requests arrive, at most every so many seconds. */
export function useLiveRefresh(org: string, refresh: () => void, seconds: number, on = true): void {
  const [heard, setHeard] = useState(0);
  const again = useEffectEvent(refresh);
  useLive(org, () => setHeard((before) => before || Date.now()), on);
  useEffect(() => {
    if (heard === 0) return;
    const timer = setTimeout(() => {
      setHeard(0);
      again();
    }, seconds * 1000);
    return () => clearTimeout(timer);
  }, [heard, seconds]);
}
