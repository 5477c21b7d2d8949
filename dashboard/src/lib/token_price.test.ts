import { expect, it } from "vitest";

import { tokenPriceWords } from "@/lib/token_price";

it("says what comes on top of the provider's cost, and when nothing does", () => {
  const words = (markup_percent: string, request_fee_usd: string) =>
    tokenPriceWords({ markup_percent, request_fee_usd });
  expect(words("12.5", "0.001000000")).toBe("the provider's cost plus 12.5 % and $0.001 a request");
  expect(words("5", "0.000000000")).toBe("the provider's cost plus 5 %");
  expect(words("0", "0.000000000")).toBe("the provider's cost");
});
