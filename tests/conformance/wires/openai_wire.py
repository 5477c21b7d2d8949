"""OpenAI's wire (https://platform.openai.com/docs/api-reference/chat)."""

import json
from collections.abc import Mapping
from typing import Any

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.errors import FailureKind
from llmgateway.providers.base import Provider, UpstreamReply, UpstreamRequest
from llmgateway.providers.openai_compatible import OpenAICompatible
from tests.conformance.meaning import Asked, Said
from tests.conformance.wires.base import WORDS, Wire, events, inline, known, outline, pieces, reply, stops, texts

_CODES = {
    FailureKind.BAD_REQUEST: ("invalid_request_error", "invalid_value"),
    FailureKind.AUTH: ("authentication_error", "invalid_api_key"),
    FailureKind.BILLING: ("insufficient_quota", "insufficient_quota"),
    FailureKind.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    FailureKind.RATE_LIMITED: ("requests", "rate_limit_exceeded"),
    FailureKind.CONTEXT_TOO_LONG: ("invalid_request_error", "context_length_exceeded"),
    FailureKind.CONTENT_FILTERED: ("invalid_request_error", "content_filter"),
    FailureKind.OVERLOADED: ("service_unavailable_error", None),
    FailureKind.SERVER_ERROR: ("server_error", None),
}
_SETTINGS = (
    "temperature", "top_p", "top_k", "seed", "n", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs",
    "logit_bias", "reasoning_effort", "parallel_tool_calls", "service_tier", "user", "metadata", "store", "verbosity",
    "prediction", "modalities", "prompt_cache_key", "safety_identifier", "web_search_options",
)  # fmt: skip


class OpenAIWire(Wire):
    """Chat completions."""

    def answer(self, said: Said) -> UpstreamReply:
        message: Json = {"role": "assistant", "content": said.text or None, "refusal": None}
        if said.reasoning:
            message["reasoning_content"] = said.reasoning
        if said.calls:
            message["tool_calls"] = [_call(call, call[2]) for call in said.calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish}
        return reply({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _usage(said)})

    def stream(self, said: Said) -> bytes:
        deltas: list[Json] = [{"role": "assistant", "content": "" if said.text or not said.calls else None}]
        deltas += [{"reasoning_content": piece} for piece in pieces(said.reasoning)]
        deltas += [{"content": piece} for piece in pieces(said.text)]
        for index, call in enumerate(said.calls):
            deltas.append({"tool_calls": [{"index": index, **_call(call, None)}]})
            deltas += [
                {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
                for piece in pieces(json.dumps(call[2], ensure_ascii=False))
            ]
        chunks = [_chunk(delta, None) for delta in deltas] + [_chunk({}, said.finish)]
        return events([*chunks, {**_CHUNK, "choices": [], "usage": _usage(said)}], done=True)

    def failure(self, kind: FailureKind, status: int) -> UpstreamReply:
        name, code = _CODES[kind]
        return reply({"error": {"message": WORDS, "type": name, "param": None, "code": code}}, status)

    def broken(self) -> bytes:
        return events([{"error": {"message": WORDS, "type": "server_error", "code": None}}])

    def asked(self, provider: Provider, request: UpstreamRequest) -> Asked:
        body: Json = json.loads(request.body)
        renamed: Mapping[str, str] = provider.renames if isinstance(provider, OpenAICompatible) else {}
        settings: Json = {name: body.get(renamed.get(name, name)) for name in _SETTINGS}
        if type(settings["logprobs"]) is int:
            settings |= {"logprobs": True, "top_logprobs": settings["logprobs"]}  # a host that counts the alternatives
        settings["max_tokens"] = body.get("max_tokens", body.get("max_completion_tokens"))
        settings["stop"] = stops(body.get(renamed.get("stop", "stop")))
        settings["tools"] = [_tool(tool["function"]) for tool in objects(body.get("tools"))]
        settings["strict"] = any(tool["function"].get("strict") for tool in objects(body.get("tools"))) or None
        settings["tool_choice"] = _choice(body.get("tool_choice"))
        settings |= _form(body.get("response_format"))
        return _read(objects(body["messages"]), known(settings))

    def vectors(self, request: UpstreamRequest, vectors: list[list[float]], tokens: int) -> UpstreamReply:
        data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return reply({"object": "list", "data": data, "model": "a-model", "usage": usage})


_HEAD: Json = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "a-model"}
_CHUNK: Json = {**_HEAD, "object": "chat.completion.chunk"}


def _chunk(delta: Json, finish: str | None) -> Json:
    return {**_CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _call(call: tuple[str, str, Json], arguments: Json | None) -> Json:
    written = "" if arguments is None else json.dumps(arguments, ensure_ascii=False)
    return {"id": call[0], "type": "function", "function": {"name": call[1], "arguments": written}}


def _usage(said: Said) -> Json:
    return {
        "prompt_tokens": said.prompt,
        "completion_tokens": said.completion,
        "total_tokens": said.prompt + said.completion,
        "prompt_tokens_details": {"cached_tokens": said.cached},
        "completion_tokens_details": {"reasoning_tokens": said.reasoned},
    }


def _tool(function: Json) -> tuple[Any, ...]:
    return function["name"], function.get("description"), outline(function.get("parameters"))


def _choice(choice: object) -> object:
    return choice["function"]["name"] if is_object(choice) else choice


def _form(form: object) -> Json:
    if not is_object(form):
        return {}
    if form["type"] == "json_schema":
        return {"schema": outline(form["json_schema"]["schema"])}
    return {"json": True} if form["type"] == "json_object" else {}


def _read(messages: list[Json], settings: Json) -> Asked:
    system, user, media, calls, results = "", list[str](), list[str](), list[tuple[str, Json]](), list[str]()
    for message in messages:
        content = message.get("content")
        media += [_medium(part) for part in objects(content) if part["type"] not in {"text", "refusal"}]
        calls += [
            (call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in objects(message.get("tool_calls"))
        ]
        match message["role"]:
            case "system" | "developer":
                system += texts(content)
            case "user":
                user.append(texts(content))
            case "tool":
                results.append(texts(content))
            case _:
                pass
    return Asked(system, tuple(user), tuple(media), tuple(calls), tuple(results), settings)


def _medium(part: Json) -> str:
    inner: Json | str = part[part["type"]]
    if isinstance(inner, str):  # Mistral's document_url
        return inline(inner)
    return inline(text_of(inner.get("url") or inner.get("file_data") or inner.get("data")))
