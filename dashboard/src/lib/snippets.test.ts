import { expect, it } from "vitest";

import { type Language, LANGUAGES, snippet } from "@/lib/snippets";

const SAMPLE = {
  base: "https://gateway.example",
  key: "lgw_live_x",
  body: { model: "smart", messages: [{ role: "user", content: "it's" }], stream: false },
};

it.each(Object.keys(LANGUAGES) as Language[])("%s has the key, the address and the model", (language) => {
  const text = snippet(language, SAMPLE);
  for (const part of ["lgw_live_x", "https://gateway.example", "smart"]) expect(text).toContain(part);
});

it("quotes for the shell", () => expect(snippet("curl", SAMPLE)).toContain("it'\\''s"));

it("writes Python's own words", () => expect(snippet("python", SAMPLE)).toContain("stream=False"));
