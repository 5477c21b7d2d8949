"""OpenAI's dialect: /v1/chat/completions, /v1/completions, /v1/embeddings, and /v1/rerank.

Page: https://platform.openai.com/docs/api-reference.
"""

import base64
import binascii
import struct
from typing import Any, cast

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.canon.chat import ChatChunk, ChunkChoice, Json
from llmgateway.canon.shapes import is_array, is_object, objects
from llmgateway.canon.usage import Usage, usage_object
from llmgateway.dataplane.dialects.openai.numbering import Numbering, unnumbered
from llmgateway.dataplane.dialects.openai.shapes import Chat, Completions, Embeddings, Rerank
from llmgateway.dataplane.dialects.validation import check, encode, read_object, refuse
from llmgateway.errors import Problem, UpstreamFailed
from llmgateway.kit import sse
from llmgateway.providers.base import Answer

_TYPE_OF_STATUS = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_HEAD = frozenset({"id", "object", "created", "model", "choices"})
_SILENCE: ChunkChoice = {"index": 0, "delta": {}, "finish_reason": None}
"""The choice of a chunk that has none but other fields: clients expect one in every chunk except the usage chunk."""
_KEEPALIVE = sse.comment(b"keepalive")


class OpenAIDialect:
    """Reads and writes OpenAI's bodies."""

    id = Dialect.OPENAI
    id_names = (b"x-request-id",)

    def read(self, operation: Operation, body: bytes, wishes: Wishes) -> Call:
        value = read_object(body)
        if operation is Operation.EMBEDDINGS:
            return _embeddings(value, wishes)
        if operation is Operation.COMPLETIONS:
            return _completions(value, wishes)
        if operation is Operation.RERANK:
            return _rerank(value, wishes)
        chat = check(value, Chat)
        _check_messages(chat)
        if chat.top_logprobs and not chat.logprobs:
            raise refuse("top_logprobs", "needs `logprobs: true` beside it.")
        stream = bool(chat.stream)
        value = unnumbered(value)
        return Call(
            operation=operation,
            dialect=Dialect.OPENAI,
            model=chat.model,
            stream=stream,
            body=value,
            canon=_in_parts(value, chat),
            include_usage=stream and bool(chat.stream_options and chat.stream_options.include_usage),
            wishes=wishes,
        )

    def answer(self, call: Call, answer: Answer) -> bytes:
        if call.operation is Operation.EMBEDDINGS:
            return encode(_encoded(answer.body, call.canon.get("encoding_format")))
        for choice in objects(answer.body.get("choices")):
            choice.setdefault("logprobs", None)
            message = choice.get("message")
            if is_object(message):
                message.setdefault("refusal", None)  # both are always said by OpenAI
        usage = told_usage(answer) if call.operation is Operation.CHAT else None
        return encode({**answer.body, "usage": usage} if usage else answer.body)

    def error(self, problem: Problem, request_id: str) -> bytes:
        del request_id  # OpenAI's bodies do not carry it; the header does
        return encode(error_body(problem))

    def failure(self, problem: Problem, request_id: str) -> bytes:
        """An error as an event of a stream."""
        return sse.write(self.error(problem, request_id))

    def keepalive(self) -> bytes:
        return _KEEPALIVE

    def terminator(self) -> bytes:
        return sse.DONE

    def stream(self, call: Call) -> "OpenAIStream":
        return OpenAIStream(self, include_usage=call.include_usage)


class OpenAIStream:
    """Writes chunks; the usage chunk comes last, and only when it was asked for."""

    __slots__ = ("_dialect", "_include_usage", "_last", "_numbering", "_usage")

    def __init__(self, dialect: OpenAIDialect, *, include_usage: bool) -> None:
        self._dialect = dialect
        self._include_usage = include_usage
        self._numbering = Numbering()
        self._last: ChatChunk | None = None
        self._usage: Json | None = None

    def open(self) -> bytes:
        return b""

    def chunk(self, chunk: ChatChunk) -> bytes:
        self._last = chunk
        usage = chunk.pop("usage", None)
        if usage:
            self._usage = usage
        if not chunk["choices"] and (usage or chunk.keys() <= _HEAD):
            return b""
        if self._include_usage:
            chunk["usage"] = None
        choices = [self._numbering.numbered(choice) for choice in chunk["choices"]]
        return sse.write(encode({**chunk, "choices": choices or [_SILENCE]}))

    def close(self, usage: Usage | None) -> bytes:
        if not self._include_usage or (self._usage is None and usage is None):
            return sse.DONE
        head = self._last
        body: Json = {
            "id": head["id"] if head else "",
            "object": "chat.completion.chunk",
            "created": head["created"] if head else 0,
            "model": head["model"] if head else "",
            "choices": [],
            "usage": self._usage if self._usage is not None else usage_object(cast("Usage", usage)),
        }
        return sse.write(encode(body)) + sse.DONE

    def follows(self, first: bytes, last: bytes) -> None:
        """Nothing to do: an error event does not depend on the frames before it."""

    def failure(self, problem: Problem, request_id: str) -> bytes:
        return self._dialect.failure(problem, request_id)


def told_usage(answer: Answer) -> Json | None:
    """The usage object of an answer: the provider's own, else one made of its usage; None without usage."""
    told: Json | None = answer.body.get("usage")
    return told or (usage_object(answer.usage) if answer.usage else None)


def error_body(problem: Problem) -> Json:
    """OpenAI's error object with the gateway's additions."""
    status = problem.http_status
    kind = _TYPE_OF_STATUS.get(status, "invalid_request_error" if status < 500 else "api_error")
    code = (isinstance(problem, UpstreamFailed) and problem.own_code) or problem.code
    error: Json = {"message": problem.message, "type": kind, "param": problem.param, "code": code}
    if problem.resets_at is not None:
        error["resets_at"] = problem.resets_at
    if problem.attempts:
        error["attempts"] = problem.attempts
    if isinstance(problem, UpstreamFailed) and problem.innererror:
        error["innererror"] = problem.innererror
    return {"error": error}


def _check_messages(chat: Chat) -> None:
    for index, message in enumerate(chat.messages):
        if message.role == "user" and message.content is None:
            raise refuse(f"messages[{index}].content", "is missing: a user's message says something.")
    for index, tool in enumerate(chat.tools or ()):
        if tool.type == "function" and tool.function is None:
            raise refuse(f"tools[{index}].function", "is missing: name the function that the tool is.")


def _in_parts(value: Json, chat: Chat) -> Json:
    """The body as canon, with a text part for each bare string that a client put among content parts."""
    lists = [message.content for message in chat.messages if isinstance(message.content, list)]
    if not lists or not any(isinstance(part, str) for parts in lists for part in parts):
        return value
    return {**value, "messages": [_with_parts(message) for message in objects(value["messages"])]}


def _with_parts(message: Json) -> Json:
    content = message.get("content")
    if not is_array(content):
        return message
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    return {**message, "content": parts}


def _completions(value: Json, wishes: Wishes) -> Call:
    request = check(value, Completions)
    stream = bool(request.stream)
    return Call(
        operation=Operation.COMPLETIONS,
        dialect=Dialect.OPENAI,
        model=request.model,
        stream=stream,
        body=value,
        canon=value,
        include_usage=stream and bool(request.stream_options and request.stream_options.include_usage),
        wishes=wishes,
    )


def _rerank(value: Json, wishes: Wishes) -> Call:
    request = check(value, Rerank)
    return Call(
        operation=Operation.RERANK,
        dialect=Dialect.OPENAI,
        model=request.model,
        stream=False,
        body=value,
        canon=value,
        wishes=wishes,
    )


def _embeddings(value: Json, wishes: Wishes) -> Call:
    request = check(value, Embeddings)
    given = request.input
    if isinstance(given, list) and not _inputs(given):
        raise refuse("input", "must be a text, a list of texts, or token ids, and not empty.")
    return Call(
        operation=Operation.EMBEDDINGS,
        dialect=Dialect.OPENAI,
        model=request.model,
        stream=False,
        body=value,
        canon=value,
        wishes=wishes,
    )


def _inputs(given: list[Any]) -> bool:
    """Whether it is a list of texts, of token ids, or of lists of token ids; not mixed and not empty."""
    if _all_of(given, str) or _all_of(given, int):
        return True
    return _all_of(given, list) and all(_all_of(item, int) for item in given)


def _all_of(items: list[Any], kind: type) -> bool:
    return bool(items) and all(type(item) is kind for item in items)


def _encoded(body: Json, encoding: object) -> Json:
    """Vectors in the encoding that was asked for: base64 of little-endian float32, or numbers."""
    as_base64 = encoding == "base64"
    data = [
        {**item, "embedding": _vector(item["embedding"], as_base64=as_base64)} for item in objects(body.get("data"))
    ]
    return {**body, "data": data}


def _vector(vector: Any, *, as_base64: bool) -> Any:
    """One vector in the encoding that was asked for; anything but a plain vector of numbers unchanged."""
    given = vector
    try:
        if as_base64 and isinstance(vector, list):
            numbers = cast("list[float]", vector)
            return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        if not as_base64 and isinstance(vector, str):
            raw = base64.b64decode(vector, validate=True)
            return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    except (struct.error, OverflowError, binascii.Error, ValueError):
        return given
    return given
