import type { ReactNode } from "react";

import { Card, Facts } from "@/components/card";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars } from "@/lib/format";
import { useOrg } from "@/lib/me";

type Explained = Schema["RequestExplained"];

/** Tokens by the class they are priced in, and what they cost. */
export function TokensAndMoney({ request }: { request: Explained }) {
  const prices = useListPrices(request);
  const at = (part: string): string => (prices[part] ? ` × $${prices[part]}/M` : "");
  const input = request.prompt_tokens - request.cached_tokens - request.cache_write_tokens;
  const output = request.completion_tokens - request.reasoning_tokens;
  const rows: [string, ReactNode][] = [["Input", `${count(input)}${at("input_mtok")}`]];
  if (request.cached_tokens > 0) rows.push(["Cached", `${count(request.cached_tokens)}${at("cache_read_mtok")}`]);
  if (request.cache_write_tokens > 0)
    rows.push(["Cache write", `${count(request.cache_write_tokens)}${at("cache_write_mtok")}`]);
  rows.push(["Output", `${count(output)}${at("output_mtok")}`]);
  if (request.reasoning_tokens > 0) rows.push(["Reasoning", `${count(request.reasoning_tokens)}${at("output_mtok")}`]);
  rows.push(
    ["Cost", <strong key="cost">{dollars(request.cost_usd)}</strong>],
    ["List price of what was asked for", dollars(request.list_cost_usd)],
    ["Saved", dollars(request.saved_usd)],
    ["Charged to you", dollars(request.charge_usd)],
    ["Price version", request.price_version ?? "none"],
    ["Usage from", request.usage_source],
  );
  return (
    <Card title="Tokens and money">
      <Facts rows={rows} />
    </Card>
  );
}

/** Prices as the catalogue has them now, for models that it knows. */
function useListPrices(request: Explained): Record<string, string> {
  const org = useOrg();
  const may = org.permissions.includes("routes:read");
  const models = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/models",
    { params: { path: { org: org.slug } } },
    { staleTime: 300_000, enabled: may && !request.price_version?.startsWith("gateway.yaml") },
  ).data;
  const name = `${request.provider ?? ""}/${request.served_model ?? ""}`;
  return models?.data.find((model) => model.id === name)?.llmgateway?.prices_usd ?? {};
}
