/** The access token: in memory alone, renewed by the cookie that only the server can read. */
type Listener = () => void;

let token: string | null = null;
let renewing: Promise<string | null> | null = null;
const listeners = new Set<Listener>();

const HINT = "session";
const ATTEMPT = "renewal";

/** Whether a session may be left in the cookie, which no script can see: so nobody is asked for what is not there. */
export function mayRenew(): boolean {
  return localStorage.getItem(HINT) !== null;
}

export function accessToken(): string | null {
  return token;
}

export function setAccessToken(next: string | null): void {
  token = next;
  if (next === null) localStorage.removeItem(HINT);
  else localStorage.setItem(HINT, "1");
  for (const listener of listeners) listener();
}

/** Called whenever the token changes; gives what ends it. */
export function onToken(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** One tab renews at a time; a browser that keeps no locks (plain http) does without. */
async function alone(work: () => Promise<string | null>): Promise<string | null> {
  const locks = navigator.locks as LockManager | undefined;
  return locks ? await locks.request("llmgateway-renewal", work) : await work();
}

/** What a renewal is known by: a page that was left while it ran repeats it under the same name. */
function attempted(): string {
  const found = localStorage.getItem(ATTEMPT);
  if (found !== null) return found;
  const made = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0"));
  localStorage.setItem(ATTEMPT, made.join(""));
  return made.join("");
}

async function renewNow(ask: (attempt: string) => Promise<string | null>): Promise<string | null> {
  const next = await ask(attempted());
  localStorage.removeItem(ATTEMPT);
  setAccessToken(next);
  return next;
}

/** Renew once, however many ask meanwhile. Null: nobody is logged in. What `ask` throws leaves the session as it was. */
export function renewOnce(ask: (attempt: string) => Promise<string | null>): Promise<string | null> {
  renewing ??= alone(() => renewNow(ask)).finally(() => {
    renewing = null;
  });
  return renewing;
}
