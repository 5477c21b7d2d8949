import { describe, expect, it } from "vitest";

import { bytes, cents, change, count, dollars, duration, share, tokenPriceWords, typable } from "@/lib/format";

describe("dollars", () => {
  it.each([
    ["1204.4", "$1,204"],
    ["3.42", "$3.42"],
    ["0.000381", "$0.000381"],
    ["0.00412", "$0.00412"],
    ["0.5", "$0.50"],
    ["0", "$0"],
    ["-2.5", "−$2.50"],
    ["0.000000001", "$0.000000001"],
    [null, "—"],
  ])("shows %s as %s", (usd, shown) => expect(dollars(usd)).toBe(shown));
});

describe("cents", () => {
  it.each([
    ["1234.560000000", "$1,234.56"],
    ["999999.99", "$999,999.99"],
    ["25", "$25.00"],
    ["0.000000000", "$0.00"],
    ["-1234.5", "−$1,234.50"],
    ["0.000381", "$0.000381"],
    [null, "—"],
  ])("shows %s as %s", (usd, shown) => expect(cents(usd)).toBe(shown));
});

describe("figures", () => {
  it("separates thousands, and tells nothing from none", () => {
    expect(count(1234567)).toBe("1,234,567");
    expect(count(null)).toBe("—");
  });
  it("shares without a whole are unknown", () => {
    expect(share(1, 0)).toBe("—");
    expect(share(0, 3000)).toBe("0 %");
    expect(share(1, 3000)).toBe("< 0.1 %");
    expect(share(440, 1000)).toBe("44 %");
    expect(share(58, 0.000001)).toBe("more than 1,000 %");
  });
  it("says durations as people do", () => {
    expect(duration(412)).toBe("412 ms");
    expect(duration(1840)).toBe("1.84 s");
    expect(duration(null)).toBe("—");
  });
  it("compares with what was before, where something was", () => {
    expect(change(112, 100)).toBe("+12 %");
    expect(change(5, 0)).toBeNull();
  });
  it("says when nothing changed", () => expect(change(100, 100)).toBe("±0 %"));
  it("writes amounts as one would type them", () => {
    expect(["900.000000000", "0.500000000", "0.000000001", "10", null].map(typable)).toEqual([
      "900",
      "0.5",
      "0.000000001",
      "10",
      "",
    ]);
  });
  it("sizes", () => expect(bytes(1_234_567)).toBe("1.2 MB"));
});

it("says what comes on top of the provider's cost, and when nothing does", () => {
  const words = (markup_percent: string, request_fee_usd: string) =>
    tokenPriceWords({ markup_percent, request_fee_usd });
  expect(words("12.5", "0.001000000")).toBe("the provider's cost plus 12.5 % and $0.001 a request");
  expect(words("5", "0.000000000")).toBe("the provider's cost plus 5 %");
  expect(words("0", "0.000000000")).toBe("the provider's cost");
});
