// Chat, stream, tools and structured output by the official Node clients. Prints one JSON line per client.
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { generateObject, generateText, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const { GATEWAY_URL: url, GATEWAY_KEY: key, GATEWAY_MODEL: model } = process.env;
const ask = (content) => [{ role: "user", content }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const schema = { ...parameters, additionalProperties: false };

async function openai() {
  const client = new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
  const chat = await client.chat.completions.create({ model, messages: ask("Say hello") });
  let streamed = "";
  for await (const chunk of await client.chat.completions.create({ model, messages: ask("Say hello"), stream: true })) {
    streamed += chunk.choices[0]?.delta?.content ?? "";
  }
  const tools = [{ type: "function", function: { name: "weather", parameters } }];
  const called = await client.chat.completions.create({ model, messages: ask("Weather in Oslo"), tools });
  const response_format = { type: "json_schema", json_schema: { name: "city", schema, strict: true } };
  const json = await client.chat.completions.create({ model, messages: ask("A city as JSON"), response_format });
  const call = called.choices[0].message.tool_calls[0].function;
  return {
    chat: chat.choices[0].message.content,
    stream: streamed,
    tool: { name: call.name, input: JSON.parse(call.arguments) },
    json: JSON.parse(json.choices[0].message.content),
  };
}

async function anthropic() {
  const client = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 });
  const common = { model, max_tokens: 100 };
  const chat = await client.messages.create({ ...common, messages: ask("Say hello") });
  const final = await client.messages.stream({ ...common, messages: ask("Say hello") }).finalMessage();
  const tools = [{ name: "weather", input_schema: parameters }];
  const called = await client.messages.create({ ...common, messages: ask("Weather in Oslo"), tools });
  const output_config = { format: { type: "json_schema", schema } };
  const json = await client.messages.create({ ...common, messages: ask("A city as JSON"), output_config });
  const call = called.content.find((block) => block.type === "tool_use");
  return {
    chat: chat.content[0].text,
    stream: final.content[0].text,
    tool: { name: call.name, input: call.input },
    json: JSON.parse(json.content[0].text),
  };
}

async function vercel() {
  const provider = createOpenAI({ apiKey: key, baseURL: `${url}/v1` });
  const chosen = provider.chat(model);
  const chat = await generateText({ model: chosen, prompt: "Say hello", maxRetries: 0 });
  const streamed = await streamText({ model: chosen, prompt: "Say hello", maxRetries: 0 }).text;
  const weather = tool({ description: "Weather", inputSchema: z.object({ city: z.string() }) });
  const called = await generateText({ model: chosen, prompt: "Weather in Oslo", tools: { weather }, maxRetries: 0 });
  const json = await generateObject({
    model: chosen,
    prompt: "A city as JSON",
    schema: z.object({ city: z.string() }),
    maxRetries: 0,
  });
  const call = called.toolCalls[0];
  return { chat: chat.text, stream: streamed, tool: { name: call.toolName, input: call.input }, json: json.object };
}

const clients = { openai, anthropic, vercel };
const name = process.argv[2];
console.log(JSON.stringify(await clients[name]()));
