import { answer, api } from "@/lib/api/client";

const HOUR = 3_600_000;

/** A key for this page alone: made when it is first needed, ended by itself in an hour, kept in memory. */
let kept: { org: string; key: string; until: number } | null = null;

export async function playgroundKey(org: string): Promise<string> {
  if (kept?.org === org && kept.until > Date.now() + 60_000) return kept.key;
  const until = Date.now() + HOUR;
  const made = await answer(
    api.POST("/api/v1/orgs/{org}/keys", {
      params: { path: { org } },
      body: { name: "Playground", test: false, expires_at: new Date(until).toISOString(), tags: ["playground"] },
    }),
  );
  kept = { org, key: made.key, until };
  return made.key;
}
