"""Cohere's chat, version 2 (https://docs.cohere.com/reference/chat)."""

import json
from collections.abc import Iterator

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.errors import FailureKind
from llmgateway.providers.base import Provider, UpstreamReply, UpstreamRequest
from tests.conformance.meaning import Asked, Said
from tests.conformance.wires.base import WORDS, Wire, events, inline, known, outline, pieces, reply, texts

_FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR_TOXIC"}
_SENTENCES = {
    FailureKind.CONTEXT_TOO_LONG: f"too many tokens: size limit exceeded by 7 tokens. {WORDS}",
    FailureKind.BILLING: f"Please add or update your payment method. {WORDS}",
}
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "seed": "seed",
    "max_tokens": "max_tokens",
    "stop": "stop_sequences",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "reasoning_effort": "thinking",
    "strict": "strict_tools",
}


class CohereWire(Wire):
    """Version 2."""

    lacks = frozenset({"filtered_error"})
    model = "command-a-03-2025"
    reasoner = "command-a-reasoning-08-2025"

    def answer(self, said: Said) -> UpstreamReply:
        message: Json = {"role": "assistant"}
        if said.reasoning or said.text:
            message["content"] = [{"type": kind, kind: text} for kind, text in _blocks(said)]
        if said.calls:
            message["tool_calls"] = [_call(call, json.dumps(call[2])) for call in said.calls]
        return reply({"id": "r-1", "message": message, "finish_reason": _FINISH[said.finish], "usage": _usage(said)})

    def stream(self, said: Said) -> bytes:
        return events(_events(said), named=True)

    def failure(self, kind: FailureKind, status: int) -> UpstreamReply:
        return reply({"id": "r-1", "message": _SENTENCES.get(kind, WORDS)}, status)

    def broken(self) -> bytes:
        end = {"finish_reason": "ERROR", "error": WORDS}
        return events([{"type": "message-end", "delta": end}], named=True)

    def asked(self, provider: Provider, request: UpstreamRequest) -> Asked:
        body: Json = json.loads(request.body)
        settings: Json = {ours: body.get(theirs) for ours, theirs in _SETTINGS.items()}
        tools = [tool["function"] for tool in objects(body.get("tools"))]
        settings["tools"] = [(tool["name"], tool.get("description"), outline(tool.get("parameters"))) for tool in tools]
        named = tools[0]["name"] if len(tools) == 1 else "required"
        settings["tool_choice"] = {"REQUIRED": named, "NONE": "none"}.get(text_of(body.get("tool_choice")))
        form = body.get("response_format")
        if is_object(form):
            schema = outline(form.get("json_schema"))
            settings |= {"schema": schema} if schema else {"json": True}
        return _read(objects(body["messages"]), known(settings))

    def vectors(self, request: UpstreamRequest, vectors: list[list[float]], tokens: int) -> UpstreamReply:
        return reply({"embeddings": {"float": vectors}, "meta": {"billed_units": {"input_tokens": tokens}}})


def _blocks(said: Said) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in (("thinking", said.reasoning), ("text", said.text)) if text]


def _call(call: tuple[str, str, Json], arguments: str) -> Json:
    return {"id": call[0], "type": "function", "function": {"name": call[1], "arguments": arguments}}


def _usage(said: Said) -> Json:
    tokens = {"input_tokens": said.prompt, "output_tokens": said.completion, "reasoning_tokens": said.reasoned}
    billed = {"input_tokens": 3, "output_tokens": said.completion}
    return {"billed_units": billed, "tokens": tokens, "cached_tokens": said.cached}


def _events(said: Said) -> Iterator[Json]:
    yield {"type": "message-start", "id": "r-1", "delta": {"message": {"role": "assistant"}}}
    for index, (kind, text) in enumerate(_blocks(said)):
        start = {"message": {"content": {"type": kind, kind: ""}}}
        yield {"type": "content-start", "index": index, "delta": start}
        for piece in pieces(text):
            yield {"type": "content-delta", "index": index, "delta": {"message": {"content": {kind: piece}}}}
        yield {"type": "content-end", "index": index}
    for index, call in enumerate(said.calls):
        start = {"message": {"tool_calls": _call(call, "")}}
        yield {"type": "tool-call-start", "index": index, "delta": start}
        for piece in pieces(json.dumps(call[2], ensure_ascii=False)):
            more = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            yield {"type": "tool-call-delta", "index": index, "delta": more}
        yield {"type": "tool-call-end", "index": index}
    yield {"type": "message-end", "delta": {"finish_reason": _FINISH[said.finish], "usage": _usage(said)}}


def _read(messages: list[Json], settings: Json) -> Asked:
    system, user, media, calls, results = "", list[str](), list[str](), list[tuple[str, Json]](), list[str]()
    for message in messages:
        content = message.get("content")
        media += [inline(part["image_url"]["url"]) for part in objects(content) if part["type"] == "image_url"]
        functions = [call["function"] for call in objects(message.get("tool_calls"))]
        calls += [(function["name"], json.loads(function["arguments"])) for function in functions]
        match message["role"]:
            case "system":
                system += texts(content)
            case "user":
                user.append(texts(content))
            case "tool":
                results.append(_result(content))
            case _:
                pass
    return Asked(system, tuple(user), tuple(media), tuple(calls), tuple(results), settings)


def _result(content: object) -> str:
    return json.dumps(content[0]["document"]["data"]) if is_array(content) else text_of(content)
