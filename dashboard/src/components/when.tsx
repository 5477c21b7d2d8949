import { useEffect, useState } from "react";

import { ago, exact } from "@/lib/time";

/** How long ago, with the exact time on hover. */
export function When({ time, never = "never" }: { time: string | null | undefined; never?: string }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  if (!time) return <span className="text-faint">{never}</span>;
  return (
    <time dateTime={time} title={exact(time)} className="whitespace-nowrap">
      {ago(time, now)}
    </time>
  );
}
