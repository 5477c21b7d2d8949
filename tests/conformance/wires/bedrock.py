"""Converse and its event stream (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html)."""

import json
from collections.abc import Iterator

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.errors import FailureKind
from llmgateway.providers.base import Provider, UpstreamReply, UpstreamRequest
from tests.conformance.meaning import Asked, Said
from tests.conformance.wires.base import WORDS, Wire, inner, known, outline, pieces, reply, texts
from tests.providers.bedrock_building import event, message

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}
_NAMES = {
    FailureKind.AUTH: "AccessDeniedException",
    FailureKind.NOT_FOUND: "ResourceNotFoundException",
    FailureKind.RATE_LIMITED: "ThrottlingException",
    FailureKind.OVERLOADED: "ServiceUnavailableException",
    FailureKind.SERVER_ERROR: "InternalServerException",
}
_SENTENCES = {
    FailureKind.CONTEXT_TOO_LONG: f"Input is too long for requested model. {WORDS}",
    FailureKind.CONTENT_FILTERED: f"Output blocked by content filtering policy. {WORDS}",
    FailureKind.BILLING: f"INVALID_PAYMENT_INSTRUMENT: a valid payment instrument must be provided. {WORDS}",
}


class BedrockWire(Wire):
    """Converse."""

    lacks = frozenset({"reasoned"})
    model = "amazon.nova-lite-v1:0"
    reasoner = "us.amazon.nova-2-lite-v1:0"
    embedder = "amazon.titan-embed-text-v2:0"

    def answer(self, said: Said) -> UpstreamReply:
        content = [_block(said, part) for part in _parts(said)]
        body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": _STOPS[said.finish]}
        return reply({**body, "usage": _usage(said), "metrics": {"latencyMs": 1}}, headers={"x-amzn-requestid": "r-1"})

    def stream(self, said: Said) -> bytes:
        written = event("messageStart", {"role": "assistant"})
        for index, part in enumerate(_parts(said)):
            for kind, body in _events(said, part):
                written += event(kind, {"contentBlockIndex": index, **body})
            written += event("contentBlockStop", {"contentBlockIndex": index})
        written += event("messageStop", {"stopReason": _STOPS[said.finish]})
        return written + event("metadata", {"usage": _usage(said), "metrics": {"latencyMs": 1}})

    def failure(self, kind: FailureKind, status: int) -> UpstreamReply:
        name = _NAMES.get(kind, "AccessDeniedException" if kind is FailureKind.BILLING else "ValidationException")
        return reply({"message": _SENTENCES.get(kind, WORDS)}, status, {"x-amzn-errortype": f"{name}:http://x/"})

    def broken(self) -> bytes:
        body = json.dumps({"message": WORDS}).encode()
        return message(body, message_type="exception", exception_type="internalServerException")

    def asked(self, provider: Provider, request: UpstreamRequest) -> Asked:
        body: Json = json.loads(request.body)
        inference: Json = body.get("inferenceConfig", {})
        further: Json = body.get("additionalModelRequestFields", {})
        settings: Json = {
            "temperature": inference.get("temperature"),
            "top_p": inference.get("topP"),
            "max_tokens": inference.get("maxTokens"),
            "stop": inference.get("stopSequences"),
            "top_k": further.get("top_k") or inner(further, "inferenceConfig").get("topK"),
            "seed": further.get("seed"),
            "reasoning_effort": further.get("reasoningConfig")
            or further.get("thinking")
            or further.get("output_config"),
            "service_tier": inner(body, "serviceTier").get("type"),
        }
        config: Json = inner(body, "toolConfig")
        specs = [tool["toolSpec"] for tool in objects(config.get("tools")) if "toolSpec" in tool]
        settings["tools"] = [(s["name"], s.get("description"), outline(s["inputSchema"]["json"])) for s in specs]
        settings["strict"] = any(spec.get("strict") for spec in specs) or None
        choice: Json = inner(config, "toolChoice")
        named = inner(choice, "tool").get("name")
        settings["tool_choice"] = named or ("required" if "any" in choice else "auto" if "auto" in choice else None)
        if inner(further, "tool_choice").get("disable_parallel_tool_use"):
            settings["parallel_tool_calls"] = False
        form: Json = inner(inner(body, "outputConfig"), "textFormat")
        if form:
            settings["schema"] = outline(json.loads(form["structure"]["jsonSchema"]["schema"]))
        return _read(body, known(settings))

    def vectors(self, request: UpstreamRequest, vectors: list[list[float]], tokens: int) -> UpstreamReply:
        return reply({"embedding": vectors[0], "inputTextTokenCount": tokens})


def _parts(said: Said) -> list[str | int]:
    """What blocks there are: by name, and a number for each call."""
    names = ["reasoning"] * bool(said.reasoning) + ["text"] * bool(said.text)
    return [*names, *range(len(said.calls))]


def _block(said: Said, part: str | int) -> Json:
    if part == "reasoning":
        return {"reasoningContent": {"reasoningText": {"text": said.reasoning, "signature": "c2ln"}}}
    if isinstance(part, str):
        return {"text": said.text}
    identifier, name, arguments = said.calls[part]
    return {"toolUse": {"toolUseId": identifier, "name": name, "input": arguments}}


def _events(said: Said, part: str | int) -> Iterator[tuple[str, Json]]:
    if part == "reasoning":
        for piece in pieces(said.reasoning):
            yield "contentBlockDelta", {"delta": {"reasoningContent": {"text": piece}}}
        yield "contentBlockDelta", {"delta": {"reasoningContent": {"signature": "c2ln"}}}
    elif isinstance(part, str):
        for piece in pieces(said.text):
            yield "contentBlockDelta", {"delta": {"text": piece}}
    else:
        identifier, name, arguments = said.calls[part]
        yield "contentBlockStart", {"start": {"toolUse": {"toolUseId": identifier, "name": name}}}
        for piece in pieces(json.dumps(arguments, ensure_ascii=False)):
            yield "contentBlockDelta", {"delta": {"toolUse": {"input": piece}}}


def _usage(said: Said) -> Json:
    return {
        "inputTokens": said.prompt - said.cached,
        "cacheReadInputTokens": said.cached,
        "cacheWriteInputTokens": 0,
        "outputTokens": said.completion,
        "totalTokens": said.prompt + said.completion,
    }


def _read(body: Json, settings: Json) -> Asked:
    system = "".join(text_of(block.get("text")) for block in objects(body.get("system")))
    user, media, calls, results = list[str](), list[str](), list[tuple[str, Json]](), list[str]()
    for turn in objects(body["messages"]):
        for block in objects(turn["content"]):
            if "text" in block and turn["role"] == "user":
                user.append(block["text"])
            if is_object(use := block.get("toolUse")):
                calls.append((use["name"], use["input"]))
            if is_object(result := block.get("toolResult")):
                results.append(texts(result["content"]))
                media += [_bytes(inner) for inner in objects(result["content"]) if "text" not in inner]
            if "image" in block or "document" in block:
                media.append(_bytes(block))
    return Asked(system, tuple(user), tuple(media), tuple(calls), tuple(results), settings)


def _bytes(block: Json) -> str:
    medium: Json = block.get("image") or block.get("document") or {}
    source: Json = inner(medium, "source")
    return text_of(source.get("bytes"))
