"""The sandbox as a Transport: speaks OpenAI's wire without leaving the process, and misbehaves when asked to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, cast

import msgspec

from llmgateway.canon.chat import ChatRequest, Json
from llmgateway.dataplane.sandbox.voice import Speech, embed, speak, tokens
from llmgateway.kit.http import Exchange, HttpError, Trouble
from llmgateway.kit.ids import new_id
from llmgateway.kit.sse import DONE, write

_SILENCE_SECONDS = 60.0
_STALL_TOKENS = 3
_PACE_SECONDS = 0.01
"""Between words of a stream, so that it looks like one."""
_MOST_BYTES: Final = 256 << 20
"""Of an answer: it says little more than it was asked."""


class SandboxTransport:
    """Answers /chat/completions and /embeddings."""

    def __init__(self, *, pace_seconds: float = _PACE_SECONDS, silence_seconds: float = _SILENCE_SECONDS) -> None:
        self._pace = pace_seconds
        self._silence = silence_seconds

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, connect_seconds: float
    ) -> Exchange:
        del method, connect_seconds
        request: Json = msgspec.json.decode(body)
        fault, _, count = headers.get("x-llmgateway-fault", "").partition(":")
        if fault == "429":
            return _Whole(429, _error("The sandbox was asked to be busy.", "rate_limit_exceeded"), {"retry-after": "1"})
        if fault == "500":
            return _Whole(500, _error("The sandbox was asked to fail.", "server_error"))
        if fault == "timeout":
            await asyncio.sleep(self._silence)
            raise HttpError(Trouble.RESET, "the sandbox was asked never to answer")
        if fault and not request.get("stream"):  # what would break off a stream
            raise HttpError(Trouble.RESET, f"the sandbox was asked for `{fault}`")
        if url.endswith("/embeddings"):
            return _Whole(200, _embeddings(request))
        speech = speak(cast("ChatRequest", request))  # the dialect checked the shape
        if not request.get("stream"):
            return _Whole(200, _completion(request, speech))
        return _Streamed(self._events(request, speech, fault, int(count or _STALL_TOKENS)))

    async def _events(self, request: Json, speech: Speech, fault: str, count: int) -> AsyncIterator[bytes]:
        for sent, chunk in enumerate(_chunks(request, speech)):
            if fault and sent > count:
                if fault == "stall":
                    await asyncio.sleep(self._silence)
                if fault in {"stall", "cut"}:
                    yield write(_error("The sandbox was asked to break off.", "server_error"))
                raise HttpError(Trouble.RESET, f"the sandbox was asked for `{fault}`")
            yield write(msgspec.json.encode(chunk))
            await asyncio.sleep(self._pace)
        yield DONE


class _Whole:
    """An answer that is there at once."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.most = _MOST_BYTES
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": "application/json", **(headers or {})}
        self._pieces = deque([body])

    async def read(self) -> bytes:
        return self._pieces.popleft() if self._pieces else b""

    async def piece(self) -> bytes:
        return await self.read()

    def close(self) -> None:
        self._pieces.clear()


class _Streamed:
    """An answer that comes word by word."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        self.most = _MOST_BYTES
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": "text/event-stream"}
        self._events = events

    async def read(self) -> bytes:
        return b"".join([event async for event in self._events])

    async def piece(self) -> bytes:
        return await anext(self._events, b"")

    def close(self) -> None:
        """Nothing to leave: the generator holds no resource."""


def _head(request: Json, kind: str) -> Json:
    return {"id": new_id("chatcmpl"), "object": kind, "created": 0, "model": request["model"]}


def _usage(speech: Speech) -> Json:
    return {
        "prompt_tokens": speech.prompt_tokens,
        "completion_tokens": speech.completion_tokens,
        "total_tokens": speech.prompt_tokens + speech.completion_tokens,
        "completion_tokens_details": {"reasoning_tokens": len(speech.thoughts)},
    }


def _tool_calls(speech: Speech) -> list[Json]:
    return [{"id": "call_sandbox_1", "type": "function", "function": speech.tool}]


def _completion(request: Json, speech: Speech) -> bytes:
    message: Json = {"role": "assistant", "content": "".join(speech.words) or None}
    if speech.thoughts:
        message["reasoning_content"] = "".join(speech.thoughts)
    if speech.tool is not None:
        message["tool_calls"] = _tool_calls(speech)
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": speech.finish}
        for index in range(request.get("n") or 1)
    ]
    return msgspec.json.encode({**_head(request, "chat.completion"), "choices": choices, "usage": _usage(speech)})


def _chunks(request: Json, speech: Speech) -> list[Json]:
    head = _head(request, "chat.completion.chunk")
    deltas: list[Json] = [{"role": "assistant", "content": "" if speech.tool is None else None}]
    deltas += [{"reasoning_content": thought} for thought in speech.thoughts]
    deltas += [{"content": word} for word in speech.words]
    if speech.tool is not None:
        first = {"index": 0, **_tool_calls(speech)[0], "function": {"name": speech.tool["name"], "arguments": ""}}
        deltas.append({"tool_calls": [first]})
        for piece in tokens(speech.tool["arguments"]):
            deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    chunks = [
        {**head, "choices": [{"index": index, "delta": delta, "finish_reason": None}]}
        for index in range(request.get("n") or 1)
        for delta in deltas
    ]
    chunks += [
        {**head, "choices": [{"index": index, "delta": {}, "finish_reason": speech.finish}]}
        for index in range(request.get("n") or 1)
    ]
    chunks.append({**head, "choices": [], "usage": _usage(speech)})
    return chunks


def _embeddings(request: Json) -> bytes:
    given: Any = request["input"]
    inputs: list[Any] = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else given
    texts = [text if isinstance(text, str) else " ".join(map(str, text)) for text in inputs]
    used = sum(len(tokens(text)) for text in texts)
    data = [
        {"object": "embedding", "index": index, "embedding": embed(text, request.get("dimensions"))}
        for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": used, "total_tokens": used}
    return msgspec.json.encode({"object": "list", "data": data, "model": request["model"], "usage": usage})


def _error(message: str, code: str) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": code, "param": None, "code": code}})
