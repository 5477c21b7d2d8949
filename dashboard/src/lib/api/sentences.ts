/** The API's own sentences about one field of a body, in the words of the form that it stands in. */

const LABELS: Record<string, string> = {
  requests_per_minute: "Requests a minute",
  requests_per_hour: "Requests an hour",
  requests_per_day: "Requests a day",
  tokens_per_minute: "Tokens a minute",
  concurrency: "At once",
  day_usd: "Budget a day",
  month_usd: "Budget a month",
  total_usd: "Budget in all",
  allowed_addresses: "Address ranges",
  expires_at: "Expires",
  cache_seconds: "Cache answers for seconds",
  max_prompt_tokens: "Longest prompt in tokens",
  content_retention_days: "Keep for days",
  api_key: "API key",
  base_url: "Base URL",
  email: "E-mail",
};

const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/valid integer/, "a whole number, please"],
  [/valid (number|decimal)|finite number/, "a number, please"],
  [/greater than or equal to (\S+)$/, "at least $1, please"],
  [/less than or equal to (\S+)$/, "at most $1, please"],
  [/greater than (\S+)$/, "more than $1, please"],
  [/less than (\S+)$/, "less than $1, please"],
  [/^(?:String|List) should have at least 1 |^Field required/, "this is needed"],
  [/^String should have at least (\d+) char/, "at least $1 characters, please"],
  [/^String should have at most (\d+) char/, "at most $1 characters, please"],
  [/^List should have at most (\d+) item/, "at most $1 of them, please"],
  [/^String should match pattern/, "it holds characters that are not allowed here"],
  [/valid (datetime|date)/, "a date, please"],
  [/valid string/, "text, please"],
  [/^must be dollars as |^not an amount of dollars/, "an amount in dollars, please, such as 12.50"],
  [/^must be more than 0 and at most 9000000 dollars/, "more than 0 and at most 9,000,000 dollars, please"],
];

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** "aws_access_key_id" -> "AWS access key ID" */
const named = (field: string): string =>
  capital(field.replace(/^allowed_/, "").replaceAll("_", " "))
    .replace(/\b(aws|api|url)\b/gi, (word) => word.toUpperCase())
    .replace(/\bid$/, "ID");

/** "requests_per_day" -> "Requests a day", "targets.0.weight" -> "Weight of target 1". */
export function labelOf(param: string): string {
  const parts = param.split(".");
  const at = parts.findLastIndex((part) => !/^\d+$/.test(part));
  const name = parts[at] ?? param;
  const label = LABELS[name] ?? named(name);
  const [inside, entry] = [parts[at - 1], parts[at + 1]];
  if (inside && /^\d+$/.test(inside)) {
    const list = (parts[at - 2] ?? "entries").replaceAll("_", " ").replace(/s$/, "");
    return `${label} of ${list} ${Number(inside) + 1}`;
  }
  return entry === undefined ? label : `${label}, entry ${Number(entry) + 1}`;
}

/** What is wrong with a field, in words, where the message is one of the usual ones; null where it is a sentence already. */
export function aboutField(message: string, param: string | null): string | null {
  if (!param || !message.startsWith(`${param}: `)) return null;
  const told = message.slice(param.length + 2).replace(/\.$/, "");
  for (const [pattern, words] of SENTENCES) {
    const found = pattern.exec(told);
    if (found) return words.replace("$1", grouped(found[1] ?? ""));
  }
  return told.replace(/^Input should be /, "").replace(/^String should /, "it should ");
}

function grouped(digits: string): string {
  return /^\d{4,}$/.test(digits) ? Number(digits).toLocaleString("en-US") : digits;
}

export const sentence = (words: string): string => `${capital(words).replace(/\.$/, "")}.`;
