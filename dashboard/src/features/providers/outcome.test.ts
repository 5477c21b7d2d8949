import { expect, it } from "vitest";

import { outcomeOf } from "@/features/providers/outcome";

it.each([
  [null, "not tried"],
  ["ok", "accepted"],
  ["not tried: there is no free call for it", "not tried"],
  ["401: Incorrect API key provided", "refused"],
  ["503: overloaded", "no clear answer"],
  ["cannot be reached: Cannot connect to host 127.0.0.1:9", "could not be reached"],
  ["did not answer within 10 s", "could not be reached"],
])("calls %s %s", (check_result, title) => expect(outcomeOf({ check_result }).title).toBe(title));

it("keeps technical words apart", () => {
  expect(outcomeOf({ check_result: "cannot be reached: [Errno 111]" })).toMatchObject({
    said: "is saved, but the provider did not answer; check it again later",
    detail: "cannot be reached: [Errno 111]",
  });
});
