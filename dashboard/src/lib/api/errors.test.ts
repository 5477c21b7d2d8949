import { expect, it } from "vitest";

import { aboutIt, errorOf, isAbout, wordsOf } from "@/lib/api/errors";
import { labelOf } from "@/lib/api/sentences";

function refusal(message: string, param: string | null) {
  return errorOf(Response.json({ error: { code: "invalid_request", message, param } }, { status: 400 }));
}

it.each([
  [
    "limits.requests_per_minute: Input should be a valid integer, unable to parse string as an integer.",
    "Requests a minute: a whole number, please.",
  ],
  ["targets.0.weight: Input should be greater than 0.", "Weight of target 1: more than 0, please."],
  ["limits.concurrency: Input should be greater than or equal to 1.", "At once: at least 1, please."],
  [
    "max_prompt_tokens: Input should be less than or equal to 100000000.",
    "Longest prompt in tokens: at most 100,000,000, please.",
  ],
  ["name: String should have at least 1 character.", "Name: this is needed."],
  ["allowed_models.1: must be a model's name.", "Models, entry 2: must be a model's name."],
  [
    "budgets.day_usd: must be dollars as plain decimal text with at most 9 digits behind the point, such as 12.50.",
    "Budget a day: an amount in dollars, please, such as 12.50.",
  ],
])("says %s as %s", async (message, said) => {
  expect(wordsOf(await refusal(message, message.split(":")[0] ?? null))).toBe(said);
});

it("says at a field what is wrong with it, without its name", async () => {
  const error = await refusal("limits.requests_per_day: Input should be a valid integer.", "limits.requests_per_day");
  expect(isAbout(error, "requests_per_day")).toBe(true);
  expect(aboutIt(error, "requests_per_day")).toBe("A whole number, please.");
  expect(aboutIt(error, "requests_per_hour")).toBeNull();
});

it("leaves whole sentences as they are", async () => {
  const error = await refusal("A project of this name is here already.", "name");
  expect(wordsOf(error)).toBe("A project of this name is here already.");
  expect(aboutIt(error, "name")).toBe("A project of this name is here already.");
});

it("names fields that no form names", () => {
  expect(["aws_access_key_id", "account_id", "allowed_models", "api_key"].map(labelOf)).toEqual([
    "AWS access key ID",
    "Account ID",
    "Models",
    "API key",
  ]);
});
