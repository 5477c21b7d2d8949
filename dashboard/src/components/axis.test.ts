import { expect, it } from "vitest";

import { axisText } from "@/components/axis";
import { dollars, duration, short } from "@/lib/format";

it("keeps the figures of an axis narrow", () => {
  expect(axisText(260_000_000_000, dollars)).toBe("$260B");
  expect(axisText(1200, dollars)).toBe("$1,200");
  expect(axisText(2, dollars)).toBe("$2");
  expect(axisText(0.000381, dollars)).toBe("$0.000381");
  expect(axisText(90_000, duration)).toBe("2 min");
  expect(axisText(12_400, short)).toBe("12.4K");
});
