import { expect, it } from "vitest";

import { whyNotKept } from "@/features/requests/kept";

it("knows from the policy what is not kept", () => {
  expect(whyNotKept("off", "failed")).toContain("does not log");
  expect(whyNotKept("errors", "finished")).toContain("failed and refused");
  expect(whyNotKept("errors", "refused")).toBeNull();
  expect(whyNotKept("all", "finished")).toBeNull();
});
