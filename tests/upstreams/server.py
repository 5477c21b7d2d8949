"""A provider stand-in over real HTTP: OpenAI's, Anthropic's and Gemini's wires, behaviour chosen by the model's name.

`echo` answers; `told` does, with the usage that it was told as the question; `tool` calls the first tool; `status-500` and its like
fail; `refuses-NAME` refuses a field; `endless` streams until its caller leaves; `thinker` shows its reasoning; `filtered` is what Azure's content filter refuses. The key
`sk-revoked` is refused.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from llmgateway.canon.shapes import is_array

Json = dict[str, Any]
AZURE_FILTERED: Json = {
    "message": "The response was filtered.",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
    "innererror": {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {"violence": {"filtered": True, "severity": "medium"}},
    },
}
"""What Azure's content filter says (https://learn.microsoft.com/en-us/azure/ai-foundry/openai/concepts/content-filter)."""
WORDS = ("Hello", " from", " upstream")


@dataclass
class Upstream:
    """What arrived, and who left early."""

    url: str = ""
    bodies: list[Json] = field(default_factory=list[Json])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """A caller closed its connection in mid-stream."""


@asynccontextmanager
async def upstream() -> AsyncGenerator[Upstream]:
    """Run one on a free port."""
    state = Upstream()
    app = web.Application(client_max_size=64 << 20)

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _answer(request, state)

    app.router.add_post("/{tail:.*}", handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    state.url = f"http://127.0.0.1:{port}"
    try:
        yield state
    finally:
        await runner.cleanup()


async def _answer(request: web.Request, state: Upstream) -> web.StreamResponse:
    body: Json = await request.json()
    state.bodies.append(body)
    state.headers.append({name.lower(): value for name, value in request.headers.items()})
    model = str(body.get("model") or request.path.rpartition("/")[2].partition(":")[0])
    refusal = _refusal(request, model)
    if refusal is not None:
        return refusal
    simple = next((make for end, make in SIMPLE.items() if request.path.endswith(end)), None)
    if simple is not None:
        return web.json_response(simple(body, model))
    if request.path.endswith("/completions") and "prompt" in body:
        return await _completions(request, state, body, model)
    if request.path.endswith("/messages"):
        return await _anthropic(request, state, body, model)
    if ":" in request.path.rpartition("/")[2]:
        return await _gemini(request, state, body, model)
    return await _openai(request, state, body, model)


def _refusal(request: web.Request, model: str) -> web.Response | None:
    if request.headers.get("authorization") == "Bearer sk-revoked":
        error = {"message": "this key was revoked", "type": "invalid_request_error", "code": "invalid_api_key"}
        return web.json_response({"error": error}, status=401)
    if model == "filtered":
        return web.json_response({"error": AZURE_FILTERED}, status=400)
    if model.startswith("refuses-"):
        error = {"message": "it does not fit", "type": "invalid_request_error", "param": model.removeprefix("refuses-")}
        return web.json_response({"error": error}, status=400)
    if not model.startswith("status-"):
        return None
    status = int(model.removeprefix("status-"))
    retry = {"retry-after": "7"} if status == 429 else {}
    error = {"message": f"upstream says {status}", "type": "some_error", "code": "some_code"}
    return web.json_response({"type": "error", "error": error}, status=status, headers=retry)


def _ranked(body: Json, model: str) -> Json:
    """The second document fits best; in the words of whoever is asked."""
    scores = [0.5, 0.9, 0.1][: len(body["documents"])]
    limit = body.get("top_n") or body.get("top_k") or len(scores)
    order = sorted(range(len(scores)), key=lambda index: -scores[index])[:limit]
    results = [{"index": index, "relevance_score": scores[index]} for index in order]
    if model.startswith("rerank-2"):
        return {"object": "list", "data": results, "model": model, "usage": {"total_tokens": 6}}
    if model.startswith("rerank-v3"):
        return {"id": "rr", "results": results, "meta": {"billed_units": {"search_units": 1}}}
    return {"id": "rr", "results": results, "usage": {"total_tokens": 6}}


def _counted(body: Json, model: str) -> Json:
    del body, model
    return {"input_tokens": 42}


def _embeddings(body: Json, model: str) -> Json:
    inputs = body["input"] if is_array(body["input"]) else [body["input"]]
    data = [{"object": "embedding", "index": i, "embedding": [0.5, -0.25]} for i in range(len(inputs))]
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": 4, "total_tokens": 4}}


SIMPLE = {"/embeddings": _embeddings, "/rerank": _ranked, "/count_tokens": _counted}
"""Ends of paths that are answered at once."""


async def _completions(request: web.Request, state: Upstream, body: Json, model: str) -> web.StreamResponse:
    usage = {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}
    head = {"id": "cmpl-up", "object": "text_completion", "created": 1700000000, "model": model}
    if not body.get("stream"):
        choice = {"index": 0, "text": "".join(WORDS), "logprobs": None, "finish_reason": "stop"}
        return web.json_response({**head, "choices": [choice], "usage": usage})
    frames = [_sse({**head, "choices": [{"index": 0, "text": word, "finish_reason": None}]}) for word in WORDS]
    frames.append(_sse({**head, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}))
    options: Json = body.get("stream_options") or {}
    if options.get("include_usage"):
        frames.append(_sse({**head, "choices": [], "usage": usage}))
    return await _stream(request, state, [*frames, b"data: [DONE]\n\n"], endless=False)


async def _stream(request: web.Request, state: Upstream, frames: list[bytes], *, endless: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    try:
        for frame in frames:
            await response.write(frame)
            await asyncio.sleep(0)
        while endless:
            await response.write(frames[1])
            await asyncio.sleep(0.02)
        await response.write_eof()
    except (ConnectionResetError, asyncio.CancelledError):
        state.left.set()
        raise
    return response


def _sse(data: Json, event: str = "") -> bytes:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


async def _openai(request: web.Request, state: Upstream, body: Json, model: str) -> web.StreamResponse:
    tool = model == "tool" and bool(body.get("tools")) and body["messages"][-1]["role"] == "user"
    usage: Json = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    if model == "told":
        usage = json.loads(body["messages"][-1]["content"])
    head: Json = {"id": "chatcmpl-up", "created": 1700000000, "model": model}
    if body.get("service_tier"):
        head["service_tier"] = body["service_tier"]
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    finish = "tool_calls" if tool else "stop"
    if not body.get("stream"):
        text = _openai_text(body)
        message: Json = {"role": "assistant", "content": None if tool else text, "refusal": None}
        if tool:
            message["tool_calls"] = [call]
        if model == "thinker":
            message["reasoning_content"] = "Hm."
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return web.json_response({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    head["object"] = "chat.completion.chunk"

    def chunk(delta: Json, finish_reason: str | None = None) -> bytes:
        return _sse({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    frames = [chunk({"role": "assistant", "content": ""})]
    if tool:
        frames.append(chunk({"tool_calls": [{"index": 0, **call, "function": {"name": "weather", "arguments": ""}}]}))
        frames += [
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": a}}]}) for a in ('{"city": ', '"Oslo"}')
        ]
    else:
        frames += [chunk({"content": word}) for word in WORDS]
    if model == "endless":
        return await _stream(request, state, frames, endless=True)
    frames.append(chunk({}, finish))
    options: Json = body.get("stream_options") or {}
    if options.get("include_usage"):
        frames.append(_sse({**head, "choices": [], "usage": usage}))
    frames.append(b"data: [DONE]\n\n")
    return await _stream(request, state, frames[: {"cut": 3}.get(model, len(frames))], endless=False)


def _openai_text(body: Json) -> str:
    form: Json = body.get("response_format") or {}
    return '{"city": "Oslo"}' if form.get("type") == "json_schema" else "".join(WORDS)


async def _anthropic(request: web.Request, state: Upstream, body: Json, model: str) -> web.StreamResponse:
    tool = model == "tool" and bool(body.get("tools"))
    output: Json = body.get("output_config") or {}
    form = output.get("format") or body.get("output_format")
    text = '{"city": "Oslo"}' if form else "".join(WORDS)
    block: Json = {"type": "text", "text": text}
    if tool:
        block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    stop = "tool_use" if tool else "end_turn"
    usage = {"input_tokens": 9, "output_tokens": 3, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 0}
    message: Json = {"id": "msg_up", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}
    if not body.get("stream"):
        return web.json_response({**message, "content": [block], "stop_reason": stop, "usage": usage})
    start: Json = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    empty: Json = {**block, "input": {}} if tool else {**block, "text": ""}
    deltas: list[Json] = [{"type": "text_delta", "text": word} for word in WORDS]
    if tool:
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"city": ', '"Oslo"}')]
    frames = [
        _sse({"type": "message_start", "message": start}, "message_start"),
        _sse({"type": "content_block_start", "index": 0, "content_block": empty}, "content_block_start"),
    ]
    if model == "endless":
        delta = _sse({"type": "content_block_delta", "index": 0, "delta": deltas[0]}, "content_block_delta")
        return await _stream(request, state, [b"".join(frames), delta], endless=True)
    frames += [_sse({"type": "content_block_delta", "index": 0, "delta": d}, "content_block_delta") for d in deltas]
    if model != "cut":
        end = {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 3},
        }
        frames += [
            _sse({"type": "content_block_stop", "index": 0}, "content_block_stop"),
            _sse(end, "message_delta"),
            _sse({"type": "message_stop"}, "message_stop"),
        ]
    return await _stream(request, state, frames, endless=False)


async def _gemini(request: web.Request, state: Upstream, body: Json, model: str) -> web.StreamResponse:
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 5, "totalTokenCount": 15}
    tool = model == "tool" and bool(body.get("tools"))

    def piece(part: Json, finish: str | None = None) -> Json:
        candidate: Json = {"index": 0, "content": {"role": "model", "parts": [part]}}
        if finish:
            candidate["finishReason"] = finish
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "resp-up"}

    call = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "c2ln"}
    if ":stream" not in request.path:
        return web.json_response(piece(call if tool else {"text": "".join(WORDS)}, "STOP"))
    pieces = [piece(call)] if tool else [piece({"text": word}) for word in WORDS]
    frames = [_sse(p) for p in pieces]
    if model == "endless":
        return await _stream(request, state, frames, endless=True)
    return await _stream(request, state, [*frames, _sse(piece({"text": ""}, "STOP"))], endless=False)
