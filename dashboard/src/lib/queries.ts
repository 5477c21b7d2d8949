import { QueryClient } from "@tanstack/react-query";

import { ApiError } from "@/lib/api/errors";

/** One cache for the whole dashboard; what was refused is not asked again. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) =>
        failures < 2 && !(error instanceof ApiError && error.status > 0 && error.status < 500),
    },
  },
});
