import createFetchClient, { type Middleware } from "openapi-fetch";
import createQueryClient from "openapi-react-query";

import { ApiError, errorOf } from "@/lib/api/errors";
import type { components, paths } from "@/lib/api/schema.gen";
import { accessToken, mayRenew, renewOnce } from "@/lib/api/session";

export type Schema = components["schemas"];

const RENEW = "/api/v1/auth/refresh";

function unanswered({ error }: { error: unknown }): Error {
  if (error instanceof ApiError) return error;
  return new ApiError(0, "unreachable", "The gateway does not answer. Check your connection and try again.", null);
}

const renewal: Middleware = {
  async onResponse({ response }) {
    if (!response.ok && response.status !== 401) throw await errorOf(response);
    return response;
  },
  onError: unanswered,
};
const bare = createFetchClient<paths, "application/json">({ baseUrl: window.location.origin });
bare.use(renewal);

/** A new access token by the session's cookie; null when there is no session. A gateway in trouble ends none: it throws. */
export async function renew(): Promise<string | null> {
  if (!mayRenew()) return null;
  return renewOnce(async (attempt) => {
    const { data } = await bare.POST(RENEW, { body: {}, params: { header: { "idempotency-key": attempt } } });
    return data?.access_token ?? null;
  });
}

const sent = new WeakMap<Request, Request>();

const session: Middleware = {
  onRequest({ request }) {
    const token = accessToken();
    if (token) request.headers.set("authorization", `Bearer ${token}`);
    sent.set(request, request.clone());
    return request;
  },
  async onResponse({ request, response, options }) {
    if (response.ok) return response;
    const error = await errorOf(response);
    const again = sent.get(request);
    const stale = response.status === 401 && error.code === "invalid_token" && error.param === null;
    if (stale && accessToken() && again && (await renew())) {
      again.headers.set("authorization", `Bearer ${accessToken() ?? ""}`);
      const second = await options.fetch(again);
      if (second.ok) return second;
      throw await errorOf(second);
    }
    throw error;
  },
  onError: unanswered,
};

/** Asks the control plane; every failure is thrown as an `ApiError`. */
export const api = createFetchClient<paths, "application/json">({ baseUrl: window.location.origin });
api.use(session);

/** The same as hooks of TanStack Query. */
export const query = createQueryClient<paths, "application/json">(api);

/** The data of an answer that was not refused. */
export async function answer<T>(asked: Promise<{ data?: T }>): Promise<NonNullable<T>> {
  const { data } = await asked;
  return data as NonNullable<T>;
}
