import { Badge, type Tone } from "@/components/badge";
import type { Schema } from "@/lib/api/client";

const TONES: Record<string, Tone> = { finished: "good", failed: "bad", refused: "soon", abandoned: "plain" };

/** How a request ended, in a word and a number. */
export function OutcomeBadge({ request }: { request: Schema["RequestShown"] }) {
  return (
    <Badge tone={TONES[request.outcome] ?? "plain"}>
      {request.status} {request.error_code ?? request.outcome}
    </Badge>
  );
}
