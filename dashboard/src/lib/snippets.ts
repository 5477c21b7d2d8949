/** How a request is sent in each language. Without a key at hand it is read from the environment. */
export const LANGUAGES = { curl: "curl", python: "Python", node: "Node.js", anthropic: "Anthropic SDK" } as const;

export type Language = keyof typeof LANGUAGES;

type Body = Readonly<Record<string, unknown>>;

export interface Sample {
  base: string;
  /** Null: the environment has it. */
  key: string | null;
  /** The body of a chat completion. */
  body: Body;
}

const VARIABLE = "LLMGATEWAY_API_KEY";

function json(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(json).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, one]) => `${JSON.stringify(name)}: ${json(one)}`)
    .join(", ")}}`;
}

function python(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, one]) => `${JSON.stringify(name)}: ${python(one)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}

function lines(body: Body, sign: string, write: (value: unknown) => string): string {
  return Object.entries(body)
    .map(([name, value]) => `    ${name}${sign}${write(value)},`)
    .join("\n");
}

function curl({ base, key, body }: Sample): string {
  const fields = Object.entries(body).map(([name, value]) => `    ${JSON.stringify(name)}: ${json(value)}`);
  const data = `{\n${fields.join(",\n")}\n  }`.replaceAll("'", "'\\''");
  return `curl -N ${base}/v1/chat/completions \\
  -H "authorization: Bearer ${key ?? `$${VARIABLE}`}" \\
  -H "content-type: application/json" \\
  -d '${data}'`;
}

function pythonClient(name: string, module: string, { key }: Sample, base: string): string {
  const imports = key === null ? "import os\n\n" : "";
  const secret = key === null ? `os.environ["${VARIABLE}"]` : JSON.stringify(key);
  return `${imports}from ${module} import ${name}\n\nclient = ${name}(base_url="${base}", api_key=${secret})\n`;
}

function openaiPython(sample: Sample): string {
  const show =
    sample.body.stream === true
      ? 'for chunk in answer:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or "", end="")'
      : "print(answer.choices[0].message.content)";
  return `${pythonClient("OpenAI", "openai", sample, `${sample.base}/v1`)}answer = client.chat.completions.create(
${lines(sample.body, "=", python)}
)
${show}`;
}

function openaiNode({ base, key, body }: Sample): string {
  const secret = key === null ? `process.env.${VARIABLE}` : JSON.stringify(key);
  const show =
    body.stream === true
      ? 'for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta.content ?? "");'
      : "console.log(answer.choices[0].message.content);";
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}/v1", apiKey: ${secret} });
const answer = await client.chat.completions.create({
${lines(body, ": ", json)}
});
${show}`;
}

function anthropicPython(sample: Sample): string {
  const { model, messages } = sample.body;
  return `${pythonClient("Anthropic", "anthropic", sample, sample.base)}answer = client.messages.create(
    model=${python(model)},
    max_tokens=1024,
    messages=${python(messages)},
)
print(answer.content[0].text)`;
}

const WRITERS: Record<Language, (sample: Sample) => string> = {
  curl,
  python: openaiPython,
  node: openaiNode,
  anthropic: anthropicPython,
};

export function snippet(language: Language, sample: Sample): string {
  return WRITERS[language](sample);
}
