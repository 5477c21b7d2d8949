import type { Tone } from "@/components/badge";
import type { Schema } from "@/lib/api/client";

export interface Outcome {
  tone: Tone;
  /** For the badge. */
  title: string;
  /** A sentence without its end, about a credential of that name. */
  said: string;
  /** What the provider or the network said, for who wants to know. */
  detail: string | null;
}

type Checked = Pick<Schema["CredentialShown"], "check_result">;

/** What came of the last check, in words. */
export function outcomeOf({ check_result: result }: Checked): Outcome {
  if (result === null) return { tone: "plain", title: "not tried", said: "was not tried yet", detail: null };
  if (result === "ok") return { tone: "good", title: "accepted", said: "is accepted by the provider", detail: null };
  if (result.startsWith("not tried"))
    return {
      tone: "plain",
      title: "not tried",
      said: "is saved; the provider has no free call to try it",
      detail: null,
    };
  const status = Number(/^(\d{3}):/.exec(result)?.[1]);
  if (status === 401 || status === 403)
    return { tone: "bad", title: "refused", said: "is refused by the provider", detail: result };
  if (status)
    return {
      tone: "soon",
      title: "no clear answer",
      said: `is saved; the provider answered ${status}`,
      detail: result,
    };
  return {
    tone: "soon",
    title: "could not be reached",
    said: "is saved, but the provider did not answer; check it again later",
    detail: result,
  };
}
