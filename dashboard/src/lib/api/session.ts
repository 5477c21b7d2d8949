/** The access token: in memory alone, renewed by the cookie that only the server can read. */
type Listener = () => void;

let token: string | null = null;
let renewing: Promise<string | null> | null = null;
const listeners = new Set<Listener>();

const HINT = "session";

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

/** Renew once, however many ask meanwhile. Null: nobody is logged in. */
export function renewOnce(renew: () => Promise<string | null>): Promise<string | null> {
  renewing ??= renew()
    .then((next) => {
      setAccessToken(next);
      return next;
    })
    .finally(() => {
      renewing = null;
    });
  return renewing;
}
