// Chat, stream, tools and structured output by the official Node clients. Prints one JSON line for each task of the client.
// A task of GATEWAY_TASKS says which model is asked for which of them; what it leaves out is not tried.
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { generateObject, generateText, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const { GATEWAY_URL: url, GATEWAY_KEY: key, GATEWAY_TASKS: tasks } = process.env;
const ask = (content) => [{ role: "user", content }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const schema = { ...parameters, additionalProperties: false };

function openai(toolName) {
  const client = new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
  const create = (model, content, more) => client.chat.completions.create({ model, messages: ask(content), ...more });
  return {
    chat: async (model) => (await create(model, "Say hello")).choices[0].message.content,
    stream: async (model) => {
      let streamed = "";
      for await (const chunk of await create(model, "Say hello", { stream: true })) {
        streamed += chunk.choices[0]?.delta?.content ?? "";
      }
      return streamed;
    },
    tool: async (model) => {
      const tools = [{ type: "function", function: { name: toolName, parameters } }];
      const call = (await create(model, "Weather in Oslo", { tools })).choices[0].message.tool_calls[0].function;
      return { name: call.name, input: JSON.parse(call.arguments) };
    },
    json: async (model) => {
      const response_format = { type: "json_schema", json_schema: { name: "city", schema, strict: true } };
      return JSON.parse((await create(model, "A city as JSON", { response_format })).choices[0].message.content);
    },
  };
}

function anthropic(toolName) {
  const client = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 });
  const body = (model, content, more) => ({ model, max_tokens: 100, messages: ask(content), ...more });
  const create = (...asked) => client.messages.create(body(...asked));
  const text = (message) => message.content.map((block) => block.text ?? "").join("");
  return {
    chat: async (model) => text(await create(model, "Say hello")),
    stream: async (model) => text(await client.messages.stream(body(model, "Say hello")).finalMessage()),
    tool: async (model) => {
      const tools = [{ name: toolName, input_schema: parameters }];
      const called = await create(model, "Weather in Oslo", { tools });
      const call = called.content.find((block) => block.type === "tool_use");
      return { name: call.name, input: call.input };
    },
    json: async (model) => {
      const output_config = { format: { type: "json_schema", schema } };
      return JSON.parse(text(await create(model, "A city as JSON", { output_config })));
    },
  };
}

function vercel(toolName) {
  const provider = createOpenAI({ apiKey: key, baseURL: `${url}/v1` });
  const asked = (model, prompt, more) => ({ model: provider.chat(model), prompt, maxRetries: 0, ...more });
  return {
    chat: async (model) => (await generateText(asked(model, "Say hello"))).text,
    stream: async (model) => await streamText(asked(model, "Say hello")).text,
    tool: async (model) => {
      const weather = tool({ description: "Weather", inputSchema: z.object({ city: z.string() }) });
      const call = (await generateText(asked(model, "Weather in Oslo", { tools: { [toolName]: weather } }))).toolCalls[0];
      return { name: call.toolName, input: call.input };
    },
    json: async (model) => {
      const form = { schema: z.object({ city: z.string() }) };
      return (await generateObject(asked(model, "A city as JSON", form))).object;
    },
  };
}

const client = { openai, anthropic, vercel }[process.argv[2]];
for (const { models, tool } of JSON.parse(tasks)) {
  const acts = client(tool);
  const got = {};
  for (const [act, model] of Object.entries(models)) got[act] = await acts[act](model);
  console.log(JSON.stringify(got));
}
