"""generateContent (https://ai.google.dev/api/generate-content)."""

import json

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.errors import FailureKind
from llmgateway.providers.base import Provider, UpstreamReply, UpstreamRequest
from tests.conformance.meaning import Asked, Said
from tests.conformance.wires.base import WORDS, Wire, events, inner, known, outline, pieces, reply

_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_NAMES = {
    FailureKind.BAD_REQUEST: "INVALID_ARGUMENT",
    FailureKind.AUTH: "PERMISSION_DENIED",
    FailureKind.NOT_FOUND: "NOT_FOUND",
    FailureKind.RATE_LIMITED: "RESOURCE_EXHAUSTED",
    FailureKind.OVERLOADED: "UNAVAILABLE",
    FailureKind.SERVER_ERROR: "INTERNAL",
}
_SENTENCES = {
    FailureKind.CONTEXT_TOO_LONG: f"The input token count exceeds the maximum number of tokens allowed. {WORDS}",
    FailureKind.BILLING: f"Your prepayment credits are depleted. {WORDS}",
}
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "n": "candidateCount",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "reasoning_effort": "thinkingConfig",
}
_MODES = {"AUTO": "auto", "NONE": "none", "ANY": "required"}


class GeminiWire(Wire):
    """Google's language, at either host."""

    lacks = frozenset({"filtered_error"})
    model = "gemini-2.5-flash"
    reasoner = "gemini-2.5-flash"
    embedder = "gemini-embedding-001"

    def answer(self, said: Said) -> UpstreamReply:
        parts: list[Json] = [{"text": said.reasoning, "thought": True}] if said.reasoning else []
        parts += [{"text": said.text}] if said.text else []
        return reply(_frame([*parts, *_calls(said)], _FINISH[said.finish], said))

    def stream(self, said: Said) -> bytes:
        parts: list[Json] = [{"text": piece, "thought": True} for piece in pieces(said.reasoning)]
        parts += [{"text": piece} for piece in pieces(said.text)]
        frames = [_frame([part], None, None) for part in [*parts, *_calls(said)]]
        return events([*frames, _frame([], _FINISH[said.finish], said)])

    def failure(self, kind: FailureKind, status: int) -> UpstreamReply:
        name = _NAMES.get(kind, "RESOURCE_EXHAUSTED" if kind is FailureKind.BILLING else "INVALID_ARGUMENT")
        return reply({"error": {"code": status, "message": _SENTENCES.get(kind, WORDS), "status": name}}, status)

    def broken(self) -> bytes:
        return events([{"error": {"code": 500, "message": WORDS, "status": "INTERNAL"}}])

    def asked(self, provider: Provider, request: UpstreamRequest) -> Asked:
        body: Json = json.loads(request.body)
        config: Json = body.get("generationConfig", {})
        settings: Json = {ours: config.get(theirs) for ours, theirs in _SETTINGS.items()}
        tier = body.get("serviceTier") or request.headers.get("x-vertex-ai-llm-shared-request-type")
        settings["service_tier"] = tier
        declared = [one for tool in objects(body.get("tools")) for one in objects(tool.get("functionDeclarations"))]
        settings["tools"] = [
            (one["name"], one.get("description"), outline(one.get("parametersJsonSchema"))) for one in declared
        ]
        settings |= _choice(inner(inner(body, "toolConfig"), "functionCallingConfig"))
        if config.get("responseMimeType") == "application/json":
            schema = outline(config.get("responseJsonSchema"))
            settings |= {"schema": schema} if schema else {"json": True}
        return _read(body, known(settings))

    def vectors(self, request: UpstreamRequest, vectors: list[list[float]], tokens: int) -> UpstreamReply:
        if request.url.endswith(":predict"):
            found = [
                {"embeddings": {"values": v, "statistics": {"token_count": tokens / len(vectors)}}} for v in vectors
            ]
            return reply({"predictions": found})
        return reply({"embeddings": [{"values": v} for v in vectors], "usageMetadata": {"promptTokenCount": tokens}})


def _calls(said: Said) -> list[Json]:
    return [
        {"functionCall": {"id": identifier, "name": name, "args": arguments}}
        for identifier, name, arguments in said.calls
    ]


def _frame(parts: list[Json], finish: str | None, said: Said | None) -> Json:
    candidate: Json = {"index": 0, "content": {"role": "model", "parts": parts}}
    frame: Json = {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r-1"}
    if finish:
        candidate["finishReason"] = finish
    if said:
        frame["usageMetadata"] = {
            "promptTokenCount": said.prompt,
            "candidatesTokenCount": said.completion - said.reasoned,
            "thoughtsTokenCount": said.reasoned,
            "cachedContentTokenCount": said.cached,
            "totalTokenCount": said.prompt + said.completion,
        }
    return frame


def _choice(config: Json) -> Json:
    names = config.get("allowedFunctionNames")
    mode = text_of(config.get("mode"))
    if is_array(names) and names:
        return {"tool_choice": names[0]}
    return {"strict": True} if mode == "VALIDATED" else {"tool_choice": _MODES.get(mode)}


def _read(body: Json, settings: Json) -> Asked:
    system = "".join(part["text"] for part in objects(inner(body, "systemInstruction").get("parts")))
    user, media, calls, results = list[str](), list[str](), list[tuple[str, Json]](), list[str]()
    for turn in objects(body["contents"]):
        for part in objects(turn["parts"]):
            if "text" in part and turn["role"] == "user":
                user.append(part["text"])
            if is_object(call := part.get("functionCall")):
                calls.append((call["name"], call.get("args") or {}))
            if is_object(response := part.get("functionResponse")):
                results.append(_result(response["response"]))
                media += [_medium(inner) for inner in objects(response.get("parts"))]
            if "inlineData" in part or "fileData" in part:
                media.append(_medium(part))
    return Asked(system, tuple(user), tuple(media), tuple(calls), tuple(results), settings)


def _result(response: Json) -> str:
    return text_of(response["output"]) if "output" in response else json.dumps(response)


def _medium(part: Json) -> str:
    data: Json = inner(part, "inlineData")
    file: Json = inner(part, "fileData")
    return text_of(data.get("data") or file.get("fileUri"))
