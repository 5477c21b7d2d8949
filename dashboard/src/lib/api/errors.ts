import { aboutField, labelOf, sentence } from "@/lib/api/sentences";

/** A refusal or failure, in words, with what the operator needs to find it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null,
    readonly param: string | null = null,
    /** What is wrong with the field, without its name. */
    readonly aboutParam: string | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

interface Told {
  error?: { code?: string; message?: string; param?: string | null; request_id?: string | null };
}

export async function errorOf(response: Response): Promise<ApiError> {
  const told = (await response
    .clone()
    .json()
    .catch(() => ({}))) as Told;
  const id = told.error?.request_id ?? response.headers.get("x-request-id");
  const message = told.error?.message ?? `The gateway answered ${response.status}.`;
  const [code, param] = [told.error?.code ?? "unknown", told.error?.param ?? null];
  const about = aboutField(message, param);
  const said = param && about ? sentence(`${labelOf(param)}: ${about}`) : message;
  return new ApiError(response.status, code, said, id, param, about && sentence(about));
}

/** What went wrong, for people. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : "Something went wrong. Try again.";
}

/** Whether an error is about one field of a form. */
export function isAbout(error: unknown, field: string): boolean {
  return error instanceof ApiError && error.param !== null && error.param.split(".").includes(field);
}

/** What to say at a field; null when the error is about something else. */
export function aboutIt(error: unknown, field: string): string | null {
  if (!isAbout(error, field)) return null;
  return error instanceof ApiError ? (error.aboutParam ?? error.message) : null;
}
