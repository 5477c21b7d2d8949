import { expect, it } from "vitest";

import { actChoices, actWords, nameIn } from "@/features/audit/acts";

it("says what was done in words, else by its name", () => {
  expect(actWords("key.create")).toBe("Made a key");
  expect(actWords("moon.land")).toBe("moon.land");
  expect(actWords("key")).toBe("key");
});

it("offers every act, each kind as a whole, and what the URL asks for", () => {
  const names = actChoices("moon.land").map(([name]) => name);
  expect(names.slice(0, 4)).toEqual(["", "moon.land", "key.*", "key.create"]);
  expect(actChoices("key.*").filter(([name]) => name === "key.*")).toHaveLength(1);
});

it("finds the name of what it was done to", () => {
  expect(nameIn({ before: { name: "old" }, after: { name: "new" } })).toBe("new");
  expect(nameIn({ before: { name: "gone" }, after: null })).toBe("gone");
  expect(nameIn({ before: null, after: { name: 7 } })).toBeNull();
});
