import { queryOptions } from "@tanstack/react-query";

import { answer, api, query } from "@/lib/api/client";
import { everyPage } from "@/lib/every_page";

/** Lists that several pages read; each is asked once. What forgets all queries of its path forgets these too. */
export const keysOptions = (org: string) =>
  queryOptions({
    queryKey: ["get", "/api/v1/orgs/{org}/keys", { params: { path: { org } } }, "every page"],
    queryFn: ({ signal }) =>
      everyPage((paging) =>
        answer(api.GET("/api/v1/orgs/{org}/keys", { params: { path: { org }, query: paging }, signal })),
      ),
  });

export const projectsOptions = (org: string) =>
  queryOptions({
    queryKey: ["get", "/api/v1/orgs/{org}/projects", { params: { path: { org } } }, "every page"],
    queryFn: ({ signal }) =>
      everyPage((paging) =>
        answer(api.GET("/api/v1/orgs/{org}/projects", { params: { path: { org }, query: paging }, signal })),
      ),
  });

export const routesOptions = (org: string) =>
  queryOptions({
    queryKey: ["get", "/api/v1/orgs/{org}/routes", { params: { path: { org } } }, "every page"],
    queryFn: ({ signal }) =>
      everyPage((paging) =>
        answer(api.GET("/api/v1/orgs/{org}/routes", { params: { path: { org }, query: paging }, signal })),
      ),
  });

export const modelsOptions = (org: string) =>
  query.queryOptions("get", "/api/v1/orgs/{org}/models", { params: { path: { org } } }, { staleTime: 300_000 });

export const billingOptions = (org: string) =>
  query.queryOptions("get", "/api/v1/orgs/{org}/billing", { params: { path: { org } } }, { staleTime: 300_000 });
