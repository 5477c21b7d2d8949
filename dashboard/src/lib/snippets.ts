/** How a request is sent in each language. The key is a placeholder unless one is at hand. */
export const LANGUAGES = { curl: "curl", python: "Python", node: "Node.js", anthropic: "Anthropic SDK" } as const;

export type Language = keyof typeof LANGUAGES;

export interface Sample {
  base: string;
  key: string;
  /** The body of a chat completion. */
  body: Readonly<Record<string, unknown>>;
}

function python(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return `[${value.map((one) => python(one)).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, one]) => `${JSON.stringify(name)}: ${python(one)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}

function lines(body: Sample["body"], sign: string, write: (value: unknown) => string): string {
  return Object.entries(body)
    .map(([name, value]) => `    ${name}${sign}${write(value)},`)
    .join("\n");
}

const WRITERS: Record<Language, (sample: Sample) => string> = {
  curl: ({ base, key, body }) =>
    `curl -N ${base}/v1/chat/completions \\\n  -H 'authorization: Bearer ${key}' \\\n  -H 'content-type: application/json' \\\n  -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`,
  python: ({ base, key, body }) =>
    `from openai import OpenAI\n\nclient = OpenAI(base_url="${base}/v1", api_key="${key}")\nanswer = client.chat.completions.create(\n${lines(body, "=", python)}\n)\nprint(${body.stream === true ? "list(answer)" : "answer.choices[0].message.content"})`,
  node: ({ base, key, body }) =>
    `import OpenAI from "openai";\n\nconst client = new OpenAI({ baseURL: "${base}/v1", apiKey: "${key}" });\nconst answer = await client.chat.completions.create({\n${lines(body, ": ", (value) => JSON.stringify(value))}\n});\n${body.stream === true ? "for await (const chunk of answer) console.log(chunk.choices[0]?.delta.content);" : "console.log(answer.choices[0].message.content);"}`,
  anthropic: ({ base, key, body }) =>
    `from anthropic import Anthropic\n\nclient = Anthropic(base_url="${base}", api_key="${key}")\nanswer = client.messages.create(\n    model=${python(body.model)},\n    max_tokens=1024,\n    messages=${python(body.messages)},\n)\nprint(answer.content[0].text)`,
};

export function snippet(language: Language, sample: Sample): string {
  return WRITERS[language](sample);
}
