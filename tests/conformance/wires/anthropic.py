"""The Messages API (https://platform.claude.com/docs/en/api/messages)."""

import json
from collections.abc import Iterator

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.errors import FailureKind
from llmgateway.providers.base import Provider, UpstreamReply, UpstreamRequest
from tests.conformance.meaning import Asked, Said
from tests.conformance.wires.base import WORDS, Wire, events, inner, known, outline, pieces, reply, texts

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_TYPES = {
    FailureKind.BAD_REQUEST: "invalid_request_error",
    FailureKind.AUTH: "authentication_error",
    FailureKind.BILLING: "billing_error",
    FailureKind.NOT_FOUND: "not_found_error",
    FailureKind.RATE_LIMITED: "rate_limit_error",
    FailureKind.OVERLOADED: "overloaded_error",
    FailureKind.SERVER_ERROR: "api_error",
}
_SENTENCES = {
    FailureKind.CONTEXT_TOO_LONG: f"prompt is too long: 200001 tokens > 200000 maximum. {WORDS}",
    FailureKind.CONTENT_FILTERED: f"Output blocked by content filtering policy. {WORDS}",
}


class AnthropicWire(Wire):
    """Messages."""

    model = "claude-sonnet-4-5"
    reasoner = "claude-sonnet-4-5"

    def answer(self, said: Said) -> UpstreamReply:
        body = {**_HEAD, "content": list(_blocks(said)), "stop_reason": _STOPS[said.finish], "usage": _usage(said)}
        return reply(body)

    def stream(self, said: Said) -> bytes:
        return events(message_events(said), named=True)

    def failure(self, kind: FailureKind, status: int) -> UpstreamReply:
        name = "request_too_large" if status == 413 else _TYPES.get(kind, "invalid_request_error")
        return reply({"type": "error", "error": {"type": name, "message": _SENTENCES.get(kind, WORDS)}}, status)

    def broken(self) -> bytes:
        return events([{"type": "error", "error": {"type": "api_error", "message": WORDS}}], named=True)

    def asked(self, provider: Provider, request: UpstreamRequest) -> Asked:
        return read_messages(json.loads(request.body))


_HEAD: Json = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_sequence": None,
}  # fmt: skip


def _blocks(said: Said) -> Iterator[Json]:
    if said.reasoning:
        yield {"type": "thinking", "thinking": said.reasoning, "signature": "c2ln"}
    if said.text:
        yield {"type": "text", "text": said.text}
    for identifier, name, arguments in said.calls:
        yield {"type": "tool_use", "id": identifier, "name": name, "input": arguments}


def _usage(said: Said) -> Json:
    return {
        "input_tokens": said.prompt - said.cached,
        "cache_read_input_tokens": said.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": said.completion,
        "output_tokens_details": {"thinking_tokens": said.reasoned},
    }


def message_events(said: Said) -> list[Json]:
    """The events of a stream."""
    usage = _usage(said)
    start: Json = {**_HEAD, "content": list[Json](), "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    found: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(_blocks(said)):
        found.append({"type": "content_block_start", "index": index, "content_block": _empty(block)})
        found += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in _deltas(block)]
        found.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": _STOPS[said.finish], "stop_sequence": None}
    return [*found, {"type": "message_delta", "delta": end, "usage": usage}, {"type": "message_stop"}]


def _empty(block: Json) -> Json:
    blank = {"thinking": "", "signature": "", "text": "", "input": Json()}
    return {name: blank.get(name, value) if name != "type" else value for name, value in block.items()}


def _deltas(block: Json) -> Iterator[Json]:
    match block["type"]:
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"]))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "text":
            yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))
        case _:
            written = json.dumps(block["input"], ensure_ascii=False)
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces(written)))


def read_messages(body: Json) -> Asked:
    """What a Messages body asks."""
    settings: Json = {name: body.get(name) for name in ("temperature", "top_p", "top_k", "max_tokens", "service_tier")}
    settings["stop"] = body.get("stop_sequences")
    settings["user"] = inner(body, "metadata").get("user_id")
    tools = objects(body.get("tools"))
    settings["tools"] = [(tool["name"], tool.get("description"), outline(tool["input_schema"])) for tool in tools]
    settings["strict"] = any(tool.get("strict") for tool in tools) or None
    choice = inner(body, "tool_choice")
    named = {"any": "required", "tool": choice.get("name")}
    settings["tool_choice"] = named.get(text_of(choice.get("type")), choice.get("type"))
    settings["parallel_tool_calls"] = False if choice.get("disable_parallel_tool_use") else None
    output = inner(body, "output_config")
    settings["schema"] = outline(inner(output, "format").get("schema"))
    settings["reasoning_effort"] = output.get("effort") or inner(body, "thinking").get("budget_tokens")
    return _read(body, known({name: value for name, value in settings.items() if value != ()}))


def _read(body: Json, settings: Json) -> Asked:
    user, media, calls, results = list[str](), list[str](), list[tuple[str, Json]](), list[str]()
    for turn in objects(body["messages"]):
        content = turn["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else objects(content)
        for block in blocks:
            match block["type"]:
                case "text" if turn["role"] == "user":
                    user.append(block["text"])
                case "tool_use":
                    calls.append((text_of(block["name"]), inner(block, "input")))
                case "tool_result":
                    results.append(texts(block.get("content")))
                    media += [_source(part) for part in objects(block.get("content")) if part["type"] != "text"]
                case "image" | "document":
                    media.append(_source(block))
                case _:
                    pass
    return Asked(texts(body.get("system")), tuple(user), tuple(media), tuple(calls), tuple(results), settings)


def _source(block: Json) -> str:
    source = block.get("source")
    return text_of(source.get("data") or source.get("url")) if is_object(source) else ""
