import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

const SOURCE = import.meta.dirname;
const FILES = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));

/** What a file imports of ours, by name. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(SOURCE, file), "utf8");
  const named = [...text.matchAll(/(?:from|import\()\s*"@\/([^"]+)"/g)].map((found) => found[1] ?? "");
  return named.flatMap((name) => FILES.filter((other) => other === `${name}.ts` || other === `${name}.tsx`));
}

it("imports go round in no circle", () => {
  const graph = new Map(FILES.map((file) => [file, importsOf(file)]));
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): string | null => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file].join(" -> ");
    if (done.has(file)) return null;
    const circle = (graph.get(file) ?? []).map((next) => walk(next, [...way, file])).find(Boolean);
    done.add(file);
    return circle ?? null;
  };
  expect(FILES.length).toBeGreaterThan(100);
  expect(FILES.map((file) => walk(file, [])).filter(Boolean)).toEqual([]);
});
