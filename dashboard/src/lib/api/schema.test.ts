import { readFileSync } from "node:fs";

import openapiTS, { astToString } from "openapi-typescript";
import { expect, it } from "vitest";

const DOCUMENT = new URL("../../../../docs/reference/openapi.json", import.meta.url);
const CLIENT = new URL("schema.gen.ts", import.meta.url);

it("is what the API's document says: npm run client makes it anew", async () => {
  const made = astToString(await openapiTS(DOCUMENT));
  expect(readFileSync(CLIENT, "utf8").endsWith(made)).toBe(true);
});
