import { query } from "@/lib/api/client";

/** Lists that several pages read; each is asked once. */
export const keysOptions = (org: string) =>
  query.queryOptions("get", "/api/v1/orgs/{org}/keys", { params: { path: { org } } });

export const modelsOptions = (org: string) =>
  query.queryOptions("get", "/api/v1/orgs/{org}/models", { params: { path: { org } } }, { staleTime: 300_000 });

export const projectsOptions = (org: string) =>
  query.queryOptions("get", "/api/v1/orgs/{org}/projects", { params: { path: { org } } });
