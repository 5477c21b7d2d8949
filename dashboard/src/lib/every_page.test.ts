import { expect, it } from "vitest";

import { everyPage } from "@/lib/every_page";

it("asks page after page until the last", async () => {
  const asked: string[] = [];
  const pages: Record<string, { data: number[]; next_cursor: string | null }> = {
    "": { data: [1, 2], next_cursor: "b" },
    b: { data: [3], next_cursor: "c" },
    c: { data: [4], next_cursor: null },
  };
  const all = await everyPage(({ cursor }) => {
    asked.push(cursor);
    return Promise.resolve(pages[cursor] ?? { data: [] });
  });
  expect(all.data).toEqual([1, 2, 3, 4]);
  expect(asked).toEqual(["", "b", "c"]);
});

it("ends somewhere", async () => {
  const all = await everyPage(() => Promise.resolve({ data: [0], next_cursor: "again" }));
  expect(all.data.length).toBe(25);
});
