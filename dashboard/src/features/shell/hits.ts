export interface Hit {
  title: string;
  kind: string;
  to: string;
  params?: Record<string, string>;
  search?: Record<string, string>;
}

interface Known {
  pages: readonly Hit[];
  keys: readonly { id: string; name: string }[];
  models: readonly { id: string }[];
}

const MOST = 12;

/** What typing finds: pages, keys and models by a part of their names, requests by their ids. */
export function hitsOf(typed: string, { pages, keys, models }: Known): Hit[] {
  const text = typed.trim();
  const wanted = text.toLowerCase();
  if (!wanted) return [...pages];
  if (/^(req|chatcmpl|msg|resp)_/.test(wanted))
    return [{ title: text, kind: "Request", to: "/o/$org/requests/$request", params: { request: text } }];
  const all: Hit[] = [
    ...pages,
    ...keys.map(({ id, name }) => ({
      title: name,
      kind: "Requests of key",
      to: "/o/$org/requests",
      search: { key_id: id },
    })),
    ...models.map(({ id }) => ({ title: id, kind: "Model", to: "/o/$org/models", search: { q: id } })),
  ];
  const hits = all.filter((hit) => hit.title.toLowerCase().includes(wanted));
  const model = models.find(({ id }) => id.toLowerCase() === wanted);
  if (!model) return hits.slice(0, MOST);
  const asked = { title: model.id, kind: "Requests to model", to: "/o/$org/requests", search: { model: model.id } };
  return [...hits.slice(0, MOST - 1), asked];
}
