"""Vertex AI: addresses, headers, two languages at one host, embeddings."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest, FailureKind
from llmgateway.providers.base import Place, Provider, Step, UpstreamReply, UpstreamRequest
from llmgateway.providers.vertex.declaration import VERTEX
from tests.providers.anthropic_recordings import Recording as ClaudeRecording
from tests.providers.anthropic_recordings import each as each_claude
from tests.providers.anthropic_recordings import final_message, meaning
from tests.providers.anthropic_recordings import recordings as claude_recordings
from tests.providers.gemini_recordings import Recording, each, recordings

PLACE = Place(
    model="gemini-2.5-flash",
    base_url=VERTEX.base_url,
    secrets={"token": "ya29.t"},
    options={"project": "p-1", "location": "europe-west4"},
    stream=False,
    now=datetime(2026, 1, 2, tzinfo=UTC),
)
_CLAUDE = [r for r in claude_recordings() if r.name.startswith("vertex/") and r.status < 400]
_GEMINI = recordings("google.generateContent", "chat", "vertex")
_STREAMS = recordings("google.generateContent", "chat_stream", "vertex")


def chat(body: Json | None = None, dialect: Dialect = Dialect.OPENAI, **wishes: Any) -> Call:
    whole: Json = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **(body or {})}
    return Call(
        operation=Operation.CHAT,
        dialect=dialect,
        model="m",
        stream=False,
        body=whole,
        canon=whole,
        wishes=Wishes(**wishes),
    )


def embeddings(body: Json) -> Call:
    whole = {"model": "m", **body}
    return Call(
        operation=Operation.EMBEDDINGS, dialect=Dialect.OPENAI, model="m", stream=False, body=whole, canon=whole
    )


CLAUDE = VERTEX.language("claude-sonnet-4-5@20250929")


def test_the_models_name_tells_the_language() -> None:
    assert VERTEX.language("gemini-2.5-flash") is VERTEX
    assert CLAUDE is not VERTEX
    assert CLAUDE.speaks(chat({"max_tokens": 9}, Dialect.ANTHROPIC))


def sent(request: UpstreamRequest) -> Json:
    return cast("Json", msgspec.json.decode(request.body))


def steps_of(body: bytes, size: int, provider: Provider = VERTEX) -> list[Step]:
    decoder = provider.decoder(chat(), native=False)
    steps = [step for start in range(0, len(body), size) for step in decoder.feed(body[start : start + size])]
    return [*steps, *decoder.close()]


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west4", "https://europe-west4-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_the_location_tells_the_host(location: str, host: str) -> None:
    request = VERTEX.build(chat(), replace(PLACE, options={"project": "p-1", "location": location}))
    path = f"/v1/projects/p-1/locations/{location}/publishers/google/models/gemini-2.5-flash:generateContent"
    assert request.url == host + path
    assert request.headers["authorization"] == "Bearer ya29.t"


def test_without_a_location_the_global_endpoint_is_asked() -> None:
    request = VERTEX.build(chat(), replace(PLACE, options={"project": "p-1"}))
    assert request.url.startswith("https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/")


def test_a_configured_address_is_kept() -> None:
    request = VERTEX.build(chat(), replace(PLACE, base_url="https://proxy.example/vertex", stream=True))
    assert request.url.startswith("https://proxy.example/vertex/v1/projects/p-1/")
    assert request.url.endswith("gemini-2.5-flash:streamGenerateContent?alt=sse")


def test_without_a_project_the_refusal_says_what_to_set() -> None:
    with pytest.raises(BadRequest, match="GOOGLE_CLOUD_PROJECT"):
        VERTEX.build(chat(), replace(PLACE, options={}))


@pytest.mark.parametrize("tier", ["flex", "priority"])
def test_a_service_tier_is_a_header(tier: str) -> None:
    request = VERTEX.build(chat({"service_tier": tier}), PLACE)
    assert request.headers["x-vertex-ai-llm-shared-request-type"] == tier
    assert "serviceTier" not in sent(request)


def test_old_models_read_files_from_the_web_here() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    call = chat({"messages": [{"role": "user", "content": [image]}]})
    assert VERTEX.refuses(call, "gemini-2.0-flash") == []


@pytest.mark.parametrize(("stream", "method"), [(False, "rawPredict"), (True, "streamRawPredict")])
def test_claude_is_asked_in_its_own_language(stream: bool, method: str) -> None:
    place = replace(PLACE, model="claude-sonnet-4-5@20250929", stream=stream)
    call = chat({"max_tokens": 9}, forward={"anthropic-beta": "b", "anthropic-version": "2023-06-01"})
    request = CLAUDE.build(call, place)

    assert request.url.endswith(f"/publishers/anthropic/models/claude-sonnet-4-5@20250929:{method}")
    assert request.headers["anthropic-beta"] == "b"
    assert "anthropic-version" not in request.headers
    body = sent(request)
    assert "model" not in body
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert body.get("stream", False) is stream


def test_a_callers_own_messages_body_is_kept() -> None:
    given: Json = {"max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}
    call = chat({**given, "context_management": {"edits": []}}, Dialect.ANTHROPIC)
    body = sent(CLAUDE.build(call, replace(PLACE, model="claude-opus-4-1")))

    assert CLAUDE.refuses(call, "claude-opus-4-1") == ()
    assert body == {**given, "context_management": {"edits": []}, "anthropic_version": "vertex-2023-10-16"}


def test_what_claude_cannot_honour_is_named() -> None:
    assert CLAUDE.refuses(chat({"seed": 1}), "claude-opus-4-1") == ["seed"]
    assert VERTEX.refuses(chat({"seed": 1}), "gemini-2.5-flash") == []


@each_claude([recording for recording in _CLAUDE if not recording.stream])
def test_a_whole_answer_of_claude_is_understood(recording: ClaudeRecording) -> None:
    answer = CLAUDE.read(chat(), UpstreamReply(recording.status, recording.headers, recording.body))
    expected = meaning(final_message(recording))
    message = answer.body["choices"][0]["message"]
    assert (message["content"] or "") == expected.text
    assert [call["id"] for call in message.get("tool_calls", [])] == [call[0] for call in expected.calls]
    assert answer.usage is not None
    assert answer.usage.completion_tokens == expected.output


@each(_STREAMS)
def test_a_stream_of_gemini_is_recognised_however_it_is_cut(recording: Recording) -> None:
    whole = steps_of(recording.reply.body, len(recording.reply.body))
    assert [step.finish for step in whole if step.finish] != []
    assert steps_of(recording.reply.body, 1) == whole


@each_claude([recording for recording in _CLAUDE if recording.stream])
def test_a_stream_of_claude_is_recognised_however_it_is_cut(recording: ClaudeRecording) -> None:
    whole = steps_of(recording.body, len(recording.body), CLAUDE)
    expected = meaning(final_message(recording))
    deltas = [choice["delta"] for step in whole if step.chunk for choice in step.chunk["choices"]]

    assert "".join(delta.get("content") or "" for delta in deltas) == expected.text
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == expected.thinking
    assert whole[-1].end
    for size in (1, 7, 60, 300):
        assert steps_of(recording.body, size, CLAUDE) == whole


def test_an_event_without_its_blank_line_is_still_read() -> None:
    frame = b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}'
    assert [step.finish for step in steps_of(frame, 10) if step.finish] == ["stop"]


def test_errors_of_both_languages_are_named() -> None:
    claude = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    google = b'[{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}]'
    assert CLAUDE.classify(UpstreamReply(529, {}, claude)).kind is FailureKind.OVERLOADED
    assert VERTEX.classify(UpstreamReply(403, {}, google)).kind is FailureKind.AUTH
    assert VERTEX.classify(UpstreamReply(502, {}, b"<html>")).kind is FailureKind.SERVER_ERROR


def test_texts_are_embedded_by_predict() -> None:
    call = embeddings({"input": ["a", "b"], "dimensions": 64})
    request = VERTEX.build(call, replace(PLACE, model="text-embedding-005"))
    assert request.url.endswith("/publishers/google/models/text-embedding-005:predict")
    instances = [{"content": "a"}, {"content": "b"}]
    assert sent(request) == {"instances": instances, "parameters": {"outputDimensionality": 64}}


def test_the_newer_embedding_model_takes_one_text() -> None:
    place = replace(PLACE, model="gemini-embedding-2")
    request = VERTEX.build(embeddings({"input": "a", "dimensions": 64}), place)
    assert request.url.endswith("/gemini-embedding-2:embedContent")
    assert sent(request) == {
        "content": {"parts": [{"text": "a"}]},
        "embedContentConfig": {"outputDimensionality": 64},
    }
    with pytest.raises(BadRequest, match="one text"):
        VERTEX.build(embeddings({"input": ["a", "b"]}), place)


@each(recordings("google.predict", "embeddings", "vertex"))
def test_recorded_predictions_are_read(recording: Recording) -> None:
    answer = VERTEX.read(embeddings({"input": "a"}), recording.reply)
    (prediction,) = recording.frames[0]["predictions"]
    assert answer.body["data"][0]["embedding"] == prediction["embeddings"]["values"]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == prediction["embeddings"]["statistics"]["token_count"]


@each(recordings("google.embedContent", "embeddings", "vertex"))
def test_recorded_embeddings_are_read(recording: Recording) -> None:
    answer = VERTEX.read(embeddings({"input": "a"}), recording.reply)
    assert answer.body["data"][0]["embedding"] == recording.frames[0]["embedding"]["values"]
    assert answer.body["usage"]["prompt_tokens"] == recording.frames[0]["usageMetadata"]["promptTokenCount"]


@each(_GEMINI, failed=True)
def test_a_recorded_failure_keeps_its_words(recording: Recording) -> None:
    error = VERTEX.classify(recording.reply)
    assert error.message == recording.frames[0]["error"]["message"]
    assert error.kind in {FailureKind.BAD_REQUEST, FailureKind.NOT_FOUND}
