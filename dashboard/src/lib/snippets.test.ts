import { describe, expect, it } from "vitest";

import { type Language, LANGUAGES, snippet } from "@/lib/snippets";

const SAMPLE = {
  base: "https://gateway.example",
  key: "lgw_live_x",
  body: { model: "smart", messages: [{ role: "user", content: "it's" }], stream: false },
};
const ALL = Object.keys(LANGUAGES) as Language[];

it.each(ALL)("%s has the key, the address and the model", (language) => {
  const text = snippet(language, SAMPLE);
  for (const part of ["lgw_live_x", "https://gateway.example", "smart"]) expect(text).toContain(part);
});

describe("without a key at hand", () => {
  it("the shell reads it where it is expanded", () =>
    expect(snippet("curl", { ...SAMPLE, key: null })).toContain('-H "authorization: Bearer $LLMGATEWAY_API_KEY"'));
  it("Python and Node.js read their environment", () => {
    expect(snippet("python", { ...SAMPLE, key: null })).toContain('api_key=os.environ["LLMGATEWAY_API_KEY"]');
    expect(snippet("node", { ...SAMPLE, key: null })).toContain("apiKey: process.env.LLMGATEWAY_API_KEY");
  });
});

it("quotes for the shell", () => expect(snippet("curl", SAMPLE)).toContain("it'\\''s"));

it("writes Python's own words", () => expect(snippet("python", SAMPLE)).toContain("stream=False"));

it("writes a stream out as it comes", () => {
  const streamed = { ...SAMPLE, body: { ...SAMPLE.body, stream: true } };
  expect(snippet("python", streamed)).toContain("for chunk in answer");
  expect(snippet("node", streamed)).toContain("for await");
});
