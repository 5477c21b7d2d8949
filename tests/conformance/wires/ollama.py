"""Ollama's own API (https://docs.ollama.com/api/chat)."""

import json

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects
from llmgateway.errors import FailureKind
from llmgateway.providers.base import Provider, UpstreamReply, UpstreamRequest
from tests.conformance.meaning import Asked, Said
from tests.conformance.wires.base import WORDS, Wire, known, outline, pieces, reply

_SENTENCES = {
    FailureKind.CONTEXT_TOO_LONG: f"the input length exceeds the context length. {WORDS}",
    FailureKind.BILLING: f"insufficient balance. {WORDS}",
}
_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "max_tokens": "num_predict",
    "stop": "stop",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}


class OllamaWire(Wire):
    """JSON lines."""

    lacks = frozenset({"cached", "reasoned", "ids", "content_filter", "filtered_error"})

    def answer(self, said: Said) -> UpstreamReply:
        message: Json = {"role": "assistant", "content": said.text}
        if said.reasoning:
            message["thinking"] = said.reasoning
        if said.calls:
            message["tool_calls"] = [_call(call) for call in said.calls]
        return reply({**_HEAD, "message": message, **_end(said)})

    def stream(self, said: Said) -> bytes:
        messages: list[Json] = [{"content": "", "thinking": piece} for piece in pieces(said.reasoning)]
        messages += [{"content": piece} for piece in pieces(said.text)]
        messages += [{"content": "", "tool_calls": [_call(call)]} for call in said.calls]
        lines = [{**_HEAD, "message": {"role": "assistant", **message}, "done": False} for message in messages]
        last = {**_HEAD, "message": {"role": "assistant", "content": ""}, **_end(said)}
        return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in [*lines, last])

    def failure(self, kind: FailureKind, status: int) -> UpstreamReply:
        return reply({"error": _SENTENCES.get(kind, WORDS)}, status)

    def broken(self) -> bytes:
        return json.dumps({"error": WORDS}).encode() + b"\n"

    def asked(self, provider: Provider, request: UpstreamRequest) -> Asked:
        body: Json = json.loads(request.body)
        options: Json = body.get("options", {})
        settings: Json = {ours: options.get(theirs) for ours, theirs in _OPTIONS.items()}
        settings["reasoning_effort"] = body.get("think")
        tools = [tool["function"] for tool in objects(body.get("tools"))]
        settings["tools"] = [(tool["name"], tool.get("description"), outline(tool.get("parameters"))) for tool in tools]
        settings["strict"] = any(tool.get("strict") for tool in tools) or None
        form = body.get("format")
        settings |= {"schema": outline(form)} if is_object(form) else {"json": form == "json" or None}
        return _read(objects(body["messages"]), known(settings))

    def vectors(self, request: UpstreamRequest, vectors: list[list[float]], tokens: int) -> UpstreamReply:
        return reply({"model": "a-model", "embeddings": vectors, "prompt_eval_count": tokens})


_HEAD: Json = {"model": "a-model", "created_at": "2026-01-02T00:00:00Z"}


def _call(call: tuple[str, str, Json]) -> Json:
    return {"function": {"name": call[1], "arguments": call[2]}}


def _end(said: Said) -> Json:
    reason = "length" if said.finish == "length" else "stop"
    return {"done": True, "done_reason": reason, "prompt_eval_count": said.prompt, "eval_count": said.completion}


def _read(messages: list[Json], settings: Json) -> Asked:
    media = [image for message in messages for image in message.get("images", ())]
    functions = [call["function"] for message in messages for call in objects(message.get("tool_calls"))]
    by_role = {role: [m["content"] for m in messages if m["role"] == role] for role in ("system", "user", "tool")}
    calls = tuple((function["name"], function["arguments"]) for function in functions)
    return Asked(
        "".join(by_role["system"]), tuple(by_role["user"]), tuple(media), calls, tuple(by_role["tool"]), settings
    )
