"""Answers, streams and errors as OpenAI's callers read them."""

import base64
import struct
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.errors import (
    AttemptReport,
    BadRequest,
    Forbidden,
    NotFound,
    PaymentRequired,
    Problem,
    TooMany,
    Unauthorized,
    Unavailable,
    UpstreamFailed,
)
from llmgateway.providers.base import Answer

DIALECT = OpenAIDialect()
USAGE: Json = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "own": 1}
NUMBERS = [0.5, -1.0, 2.0]
PACKED = base64.b64encode(struct.pack("<3f", *NUMBERS)).decode()


def call(operation: Operation = Operation.CHAT, *, usage: bool = False, **body: Any) -> Call:
    return Call(
        operation=operation, dialect=Dialect.OPENAI, model="m", stream=True, body=body, canon=body, include_usage=usage
    )


def chunk(*choices: Json, **more: Any) -> ChatChunk:
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": list(choices), **more}
    return cast("ChatChunk", body)


def said(text: str) -> Json:
    return {"index": 0, "delta": {"content": text}, "finish_reason": None}


def events(data: bytes) -> list[Any]:
    frames = data.decode().split("\n\n")
    assert frames.pop() == ""
    assert all(frame.startswith("data: ") for frame in frames)
    return [frame[6:] if frame[6:] == "[DONE]" else msgspec.json.decode(frame[6:]) for frame in frames]


def test_an_answer_is_canon_as_json() -> None:
    body: Json = {"id": "c", "choices": [], "own": {"x": 1}}
    assert msgspec.json.decode(DIALECT.answer(call(), Answer(body=body, usage=None))) == body


@pytest.mark.parametrize("given", [NUMBERS, PACKED])
@pytest.mark.parametrize(
    ("wish", "wanted"),
    [({}, NUMBERS), ({"encoding_format": None}, NUMBERS), ({"encoding_format": "float"}, NUMBERS), ({"encoding_format": "base64"}, PACKED)],
)  # fmt: skip
def test_vectors_are_encoded_as_asked(given: object, wish: Json, wanted: object) -> None:
    body: Json = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": given}], "model": "m"}
    written = msgspec.json.decode(DIALECT.answer(call(Operation.EMBEDDINGS, **wish), Answer(body=body, usage=None)))
    assert written == {**body, "data": [{"object": "embedding", "index": 0, "embedding": wanted}]}


@pytest.mark.parametrize("odd", [[[0.5], [1.0]], "not base64!", "AAAAAAA=", ["x"], [1e300], {"sparse": 1}, None])
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_what_is_no_vector_goes_on_as_it_came(odd: object, encoding: str) -> None:
    body: Json = {"data": [{"index": 0, "embedding": odd}]}
    written = DIALECT.answer(call(Operation.EMBEDDINGS, encoding_format=encoding), Answer(body=body, usage=None))
    assert msgspec.json.decode(written) == body


def test_a_stream_without_the_wish_has_no_usage() -> None:
    writer = DIALECT.stream(call())
    assert writer.open() == b""
    assert events(writer.chunk(chunk(said("a"), usage=None))) == [chunk(said("a"))]
    assert events(writer.chunk(chunk(said("b"), usage=USAGE))) == [chunk(said("b"))]
    assert writer.chunk(chunk(usage=USAGE)) == b""
    assert events(writer.close(Usage(3, 4))) == ["[DONE]"]


@pytest.mark.parametrize("name", ["thinking_blocks", "provider_blocks", "annotations", "images"])
def test_lists_of_a_stream_are_numbered_in_each_choice(name: str) -> None:
    writer = DIALECT.stream(call())
    pieces = [(0, [{"type": "a"}, {"type": "b"}]), (1, [{"type": "c"}]), (0, [{"type": "d"}])]
    chunks = [chunk({"index": at, "delta": {name: blocks}, "finish_reason": None}) for at, blocks in pieces]
    written = [events(writer.chunk(piece))[0]["choices"][0] for piece in chunks]
    assert [[entry["index"] for entry in choice["delta"][name]] for choice in written] == [[0, 1], [0], [2]]
    assert pieces[0][1] == [{"type": "a"}, {"type": "b"}]


@pytest.mark.parametrize("given", [[{"type": "a", "index": 7}], ["odd"], "odd", None])
def test_what_cannot_or_need_not_be_numbered_goes_on_as_it_came(given: object) -> None:
    piece = chunk({"index": 0, "delta": {"images": given}, "finish_reason": None})
    assert events(DIALECT.stream(call()).chunk(piece)) == [piece]


def test_a_stream_with_the_wish_ends_in_a_usage_chunk() -> None:
    writer = DIALECT.stream(call(usage=True))
    assert events(writer.chunk(chunk(said("a")))) == [chunk(said("a"), usage=None)]
    assert writer.chunk(chunk(usage=USAGE)) == b""
    assert events(writer.close(Usage(9, 9))) == [chunk(usage=USAGE), "[DONE]"]


def test_figures_without_a_chunk_are_written_from_the_meter() -> None:
    writer = DIALECT.stream(call(usage=True))
    writer.chunk(chunk(said("a")))
    (written, _) = events(writer.close(Usage(3, 4, cached_tokens=2, reasoning_tokens=1)))
    assert written == chunk(
        usage={
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 1},
        }
    )


def test_the_wish_cannot_be_honoured_without_figures() -> None:
    writer = DIALECT.stream(call(usage=True))
    writer.chunk(chunk(said("a")))
    assert events(writer.close(None)) == ["[DONE]"]


def test_an_empty_stream_with_figures_is_still_one() -> None:
    (written, _) = events(DIALECT.stream(call(usage=True)).close(Usage(3, 0)))
    assert written["choices"] == []
    assert written["usage"]["total_tokens"] == 3


@pytest.mark.parametrize("usage", [False, True])
def test_chunks_without_choices_go_on_with_one_when_they_say_something(*, usage: bool) -> None:
    writer = DIALECT.stream(call(usage=usage))
    (written,) = events(writer.chunk(chunk(citations=["x"])))
    assert written["citations"] == ["x"]
    assert written["choices"] == [{"index": 0, "delta": {}, "finish_reason": None}]
    assert writer.chunk(chunk()) == writer.chunk(chunk(usage=None)) == b""


def test_a_failure_in_mid_stream_is_an_error_and_no_done() -> None:
    problem = UpstreamFailed("gone")
    assert events(DIALECT.stream(call()).failure(problem, "req_1")) == [
        {"error": {"message": "gone", "type": "api_error", "param": None, "code": "upstream_failed"}}
    ]
    assert DIALECT.failure(problem, "req_1") == DIALECT.stream(call()).failure(problem, "req_1")


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (BadRequest("no"), "invalid_request_error"),
        (Unauthorized("no"), "authentication_error"),
        (PaymentRequired("no"), "insufficient_quota"),
        (Forbidden("no"), "permission_error"),
        (NotFound("no"), "invalid_request_error"),
        (TooMany("no"), "rate_limit_error"),
        (UpstreamFailed("no"), "api_error"),
        (UpstreamFailed("no", upstream_status=429), "rate_limit_error"),
        (Unavailable("no"), "api_error"),
    ],
)
def test_an_error_has_openais_shape(problem: Problem, kind: str) -> None:
    error = msgspec.json.decode(DIALECT.error(problem, "req_1"))
    assert error == {"error": {"message": "no", "type": kind, "param": None, "code": problem.default_code}}


def test_an_error_tells_when_it_ends_and_what_was_tried() -> None:
    problem = TooMany(
        "no",
        param="model",
        resets_at=datetime(2026, 1, 2, tzinfo=UTC),
        attempts=[AttemptReport("openai", "m", 429, "rate_limited", 5, "slow down")],
    )
    (error,) = msgspec.json.decode(DIALECT.error(problem, "req_1")).values()
    assert error["param"] == "model"
    assert error["resets_at"] == "2026-01-02T00:00:00Z"
    assert error["attempts"] == [
        {
            "provider": "openai",
            "model": "m",
            "status": 429,
            "outcome": "rate_limited",
            "milliseconds": 5,
            "message": "slow down",
        }
    ]


def test_a_keepalive_is_a_comment_and_the_terminator_is_openais() -> None:
    assert DIALECT.keepalive() == b": keepalive\n\n"
    assert DIALECT.terminator() == b"data: [DONE]\n\n"
