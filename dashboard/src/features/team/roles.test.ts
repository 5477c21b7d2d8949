import { expect, it } from "vitest";

import { outranks, rolesFrom } from "@/features/team/roles";

it("lets owners alone make, change and remove owners", () => {
  expect(rolesFrom("admin").map(([name]) => name)).toEqual(["viewer", "member", "admin"]);
  expect(rolesFrom("owner").map(([name]) => name)).toContain("owner");
  expect(outranks("admin", "owner")).toBe(false);
  expect(outranks("admin", "admin")).toBe(true);
  expect(outranks("owner", "owner")).toBe(true);
});
