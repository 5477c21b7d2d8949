import { expect, it } from "vitest";

import { deviceOf } from "@/features/profile/device";

it.each([
  [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "Chrome on Linux",
  ],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
    "Safari on iOS",
  ],
  ["python-httpx2/2.16.2", "python-httpx2/2.16.2"],
  ["", "unknown"],
])("%s", (agent, shown) => expect(deviceOf(agent)).toBe(shown));
