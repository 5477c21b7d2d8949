import type { ReactNode } from "react";

import { Card, Facts } from "@/components/card";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars } from "@/lib/format";
import { useOrg } from "@/lib/me";

type Explained = Schema["RequestExplained"];

interface Line {
  name: string;
  tokens: number;
  /** Dollars per million, where known. */
  price: number | null;
}

/** Tokens by the class they are priced in, and what they cost. */
export function TokensAndMoney({ request }: { request: Explained }) {
  const lines = linesOf(request, useListPrices(request));
  const rows: [string, ReactNode][] = lines.map((line) => [line.name, <Tokens key={line.name} of={line} />]);
  for (const [name, value] of Object.entries(request.usage_details ?? {})) {
    rows.push([inWords(name), typeof value === "number" ? count(value) : value]);
  }
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

function Tokens({ of: { tokens, price } }: { of: Line }) {
  if (price === null) return count(tokens);
  return (
    <>
      <span className="text-muted">
        {count(tokens)} × ${price}/M ={" "}
      </span>
      {dollars((tokens * price) / 1e6)}
    </>
  );
}

/** A factor of each class that was used; without prices where today's do not explain what it cost. */
function linesOf(request: Explained, prices: Record<string, string>): Line[] {
  const of = (name: string, tokens: number, price: string): Line[] =>
    tokens > 0 ? [{ name, tokens, price: prices[price] === undefined ? null : Number(prices[price]) }] : [];
  const lines = [
    ...of("Input", request.prompt_tokens - request.cached_tokens - request.cache_write_tokens, "input_mtok"),
    ...of("Cached", request.cached_tokens, "cache_read_mtok"),
    ...of("Cache write", request.cache_write_tokens, "cache_write_mtok"),
    ...of("Output", request.completion_tokens - request.reasoning_tokens, "output_mtok"),
    ...of("Reasoning", request.reasoning_tokens, "output_mtok"),
  ];
  const sum = lines.reduce((all, line) => all + (line.tokens * (line.price ?? 0)) / 1e6, 0);
  const explained = Math.abs(sum - Number(request.cost_usd ?? 0)) <= 1e-8 + sum / 1000;
  return explained ? lines : lines.map((line) => ({ ...line, price: null }));
}

/** `file_searches` as people read it. */
function inWords(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
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
