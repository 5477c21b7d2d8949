"""Bedrock: recorded answers and streams keep their meaning, event streams survive any cut, failures have names."""

import base64

import msgspec
import pytest

from llmgateway.canon.call import Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.anthropic.stream import CanonReader
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.bedrock.declaration import BEDROCK
from llmgateway.providers.bedrock.framing import MessageSplitter
from llmgateway.providers.bedrock.stream import EventStreamDecoder, InvokeReader
from tests.providers.bedrock_building import CLAUDE, event, message
from tests.providers.calls import chat
from tests.providers.cohere_recordings import Recording, each, recordings
from tests.providers.streams import completion, decoded, last_usage

CONVERSE = recordings("bedrock", "bedrock.converse")
GOOD = [r for r in CONVERSE if r.reply.status == 200]
INVOKED = [r for r in recordings("bedrock", "bedrock.invoke") if r.reply.status == 200]
CLAUDES = [r for r in INVOKED if "claude" in r.path and "instant" not in r.path]
FINISH = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "guardrail_intervened": "content_filter",
}


def prompt_of(usage: Json) -> int:
    return sum(usage.get(name, 0) for name in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"))


@each([r for r in GOOD if not r.stream])
def test_a_recorded_answer_keeps_its_meaning(recording: Recording) -> None:
    body = msgspec.json.decode(recording.reply.body)
    answer = BEDROCK.read(chat({}), recording.reply)
    blocks = body["output"]["message"]["content"]
    texts = [
        b.get("text", "") + "".join(c["text"] for c in b.get("citationsContent", {}).get("content", [])) for b in blocks
    ]
    thoughts = [b["reasoningContent"]["reasoningText"] for b in blocks if "reasoningContent" in b]
    uses = [b["toolUse"] for b in blocks if "toolUse" in b]
    choice = answer.body["choices"][0]
    said = choice["message"]
    assert (said["content"] or "") == "".join(texts)
    assert said.get("reasoning_content", "") == "".join(t["text"] for t in thoughts)
    assert [b["signature"] for b in said.get("thinking_blocks", [])] == [t["signature"] for t in thoughts]
    calls = [
        (c["id"], c["function"]["name"], msgspec.json.decode(c["function"]["arguments"]))
        for c in said.get("tool_calls", [])
    ]
    assert calls == [(u["toolUseId"], u["name"], u["input"]) for u in uses]
    assert choice["finish_reason"] == answer.finish == FINISH[body["stopReason"]]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == answer.body["usage"]["prompt_tokens"] == prompt_of(body["usage"])
    assert answer.usage.completion_tokens == body["usage"]["outputTokens"]
    assert answer.usage.cached_tokens == body["usage"].get("cacheReadInputTokens", 0)
    assert answer.usage.cache_write_tokens == body["usage"].get("cacheWriteInputTokens", 0)


@each([r for r in GOOD if r.stream])
def test_a_recorded_stream_keeps_its_meaning_however_it_is_cut(recording: Recording) -> None:
    messages, broken = MessageSplitter().feed(recording.reply.body)
    assert not broken
    events = [(m.headers[":event-type"], msgspec.json.decode(m.payload)) for m in messages]
    deltas = [body["delta"] for kind, body in events if kind == "contentBlockDelta"]
    starts = [body["start"]["toolUse"] for kind, body in events if kind == "contentBlockStart"]
    whole = decoded(BEDROCK.decoder(chat({}), native=False), recording.reply.body)
    made = completion(whole)
    assert made["message"]["content"] == "".join(d.get("text", "") for d in deltas)
    arguments = "".join(d.get("toolUse", {}).get("input", "") for d in deltas)
    assert [(c["id"], c["name"]) for c in made["message"]["tool_calls"]] == [
        (s["toolUseId"], s["name"]) for s in starts
    ]
    assert "".join(c["arguments"] for c in made["message"]["tool_calls"]) == arguments
    redacted = [d["reasoningContent"]["redactedContent"] for d in deltas if "reasoningContent" in d]
    kept = [b["data"] for b in made["message"].get("thinking_blocks", [])]
    assert [base64.b64encode(data.encode()).decode() for data in kept] == redacted
    assert made["finish"] == FINISH[dict(events)["messageStop"]["stopReason"]]
    figures = dict(events)["metadata"]["usage"]
    usage = last_usage(whole)
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (prompt_of(figures), figures["outputTokens"])
    assert whole[-1].end
    for seed in range(5):
        assert decoded(BEDROCK.decoder(chat({}), native=False), recording.reply.body, seed) == whole


@each([r for r in CLAUDES if not r.stream])
def test_claude_answers_callers_of_its_own_dialect_untouched(recording: Recording) -> None:
    claude = BEDROCK.language(CLAUDE)
    answer = claude.read(chat({}, Dialect.ANTHROPIC), recording.reply)
    assert answer.raw == recording.reply.body
    assert answer.usage is not None
    usage = msgspec.json.decode(recording.reply.body)["usage"]
    assert answer.usage.completion_tokens == usage["output_tokens"]


@each([r for r in CLAUDES if r.stream])
def test_claude_streams_to_callers_of_its_own_dialect_as_server_sent_events(recording: Recording) -> None:
    claude = BEDROCK.language(CLAUDE)
    steps = decoded(claude.decoder(chat({}, Dialect.ANTHROPIC), native=True), recording.reply.body, 3)
    messages, _ = MessageSplitter().feed(recording.reply.body)
    events = [base64.b64decode(msgspec.json.decode(m.payload)["bytes"]) for m in messages]
    kinds = [msgspec.json.decode(data)["type"].encode() for data in events]
    frames = [b"event: %b\ndata: %b\n\n" % (kind, data) for kind, data in zip(kinds, events, strict=True)]
    assert [step.raw for step in steps] == frames
    assert steps[-1].end
    assert any(step.finish for step in steps)
    assert last_usage(steps) is not None


@each([r for r in CLAUDES if r.stream])
def test_the_same_frames_translate_to_canon(recording: Recording) -> None:
    made = completion(decoded(EventStreamDecoder(InvokeReader(CanonReader())), recording.reply.body))
    assert made["finish"] in {"stop", "tool_calls", "length"}
    assert made["message"]["content"] or made["message"]["tool_calls"]


@each([r for r in INVOKED if r.name.startswith("embeddings")])
def test_recorded_vectors(recording: Recording) -> None:
    answer = BEDROCK.read(chat({}, operation=Operation.EMBEDDINGS), recording.reply)
    body = msgspec.json.decode(recording.reply.body)
    found = body["embeddings"]["float"] if "embeddings" in body else [item["embedding"] for item in body["data"]]
    assert [item["embedding"] for item in answer.body["data"]] == found
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == int(recording.reply.headers["x-amzn-bedrock-input-token-count"])


def test_titan_vectors() -> None:
    body = msgspec.json.encode({"embedding": [0.5], "inputTextTokenCount": 3})
    answer = BEDROCK.read(chat({}, operation=Operation.EMBEDDINGS), UpstreamReply(200, {}, body))
    assert answer.body["data"][0]["embedding"] == [0.5]
    assert answer.body["usage"]["prompt_tokens"] == 3


def test_nova_vectors() -> None:
    body = msgspec.json.encode({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5]}]})
    headers = {"x-amzn-bedrock-input-token-count": "4"}
    answer = BEDROCK.read(chat({}, operation=Operation.EMBEDDINGS), UpstreamReply(200, headers, body))
    assert answer.body["data"][0]["embedding"] == [0.5]
    assert answer.body["usage"]["prompt_tokens"] == 4


def stream(*pieces: bytes) -> Json:
    return completion(decoded(BEDROCK.decoder(chat({}), native=False), b"".join(pieces)))


def delta(body: Json, index: int = 0) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": body})


def stop(index: int = 0) -> bytes:
    return event("contentBlockStop", {"contentBlockIndex": index})


def test_streamed_thinking_keeps_its_signature() -> None:
    made = stream(
        delta({"reasoningContent": {"text": "hm"}}), delta({"reasoningContent": {"signature": "sig"}}), stop()
    )
    assert made["message"]["reasoning_content"] == "hm"
    assert made["message"]["thinking_blocks"] == [{"type": "thinking", "thinking": "hm", "signature": "sig"}]


def test_a_streamed_call_without_arguments_has_none() -> None:
    use: Json = {"contentBlockIndex": 7, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}}
    made = stream(event("contentBlockStart", use), stop(7))
    assert made["message"]["tool_calls"] == [{"id": "t", "name": "f", "arguments": "{}"}]


def test_tools_that_bedrock_runs_itself_are_no_calls() -> None:
    use = {"toolUseId": "t", "name": "nova_grounding", "type": "server_tool_use"}
    start = event("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": use}})
    assert stream(start, delta({"toolUse": {"input": "{}"}}), stop())["message"]["tool_calls"] == []
    whole: Json = {"output": {"message": {"content": [{"toolUse": {**use, "input": {}}}]}}, "stopReason": "end_turn"}
    answer = BEDROCK.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode(whole)))
    assert "tool_calls" not in answer.body["choices"][0]["message"]


WEB: Json = {"location": {"web": {"url": "https://x.test/"}}, "title": "X"}


def test_web_citations_become_annotations_streamed_and_not() -> None:
    cited: Json = {"content": [{"text": "cd"}], "citations": [WEB, {"location": {"documentChar": {}}}]}
    whole: Json = {
        "output": {"message": {"content": [{"text": "ab"}, {"citationsContent": cited}]}},
        "stopReason": "end_turn",
    }
    answer = BEDROCK.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode(whole)))
    place = {"url": "https://x.test/", "title": "X", "start_index": 2, "end_index": 4}
    wanted = [{"type": "url_citation", "url_citation": place}]
    assert answer.body["choices"][0]["message"]["annotations"] == wanted
    made = stream(delta({"text": "ab"}), stop(), delta({"citation": WEB}, 1), delta({"text": "cd"}, 1), stop(1))
    assert made["message"]["annotations"] == wanted


def test_a_total_that_holds_the_cache_already_is_not_counted_twice() -> None:
    usage = {"inputTokens": 10, "outputTokens": 2, "totalTokens": 12, "cacheReadInputTokens": 4}
    whole: Json = {"output": {}, "stopReason": "end_turn", "usage": usage}
    answer = BEDROCK.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode(whole)))
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.cached_tokens) == (10, 4)


def test_what_was_written_for_an_hour_is_told_apart() -> None:
    details = [{"ttl": "1h", "inputTokens": 5}, {"ttl": "5m", "inputTokens": 1}]
    usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 8, "cacheWriteInputTokens": 6, "cacheDetails": details}
    whole: Json = {"output": {}, "stopReason": "end_turn", "usage": usage}
    answer = BEDROCK.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode(whole)))
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.cache_write_1h_tokens) == (7, 5)


@pytest.mark.parametrize("model", [CLAUDE, "qwen.qwen3-32b-v1:0"])
def test_the_tier_that_served_is_told_streamed_and_not(model: str) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ServiceTier.html, whatever tier was asked for."""
    told: Json = {"usage": {"inputTokens": 10, "outputTokens": 2}, "serviceTier": {"type": "flex"}}
    whole: Json = {"output": {}, "stopReason": "end_turn", **told}
    language, call = BEDROCK.language(model), chat({"service_tier": "priority"})
    answer = language.read(call, UpstreamReply(200, {}, msgspec.json.encode(whole)))
    steps = language.decoder(call, native=False).feed(event("metadata", told))
    assert [one.usage and one.usage.tier for one in (answer, steps[0])] == ["flex", "flex"]


@pytest.mark.parametrize("damage", [0, 9, 20, -1])
def test_a_damaged_event_stream_is_an_error_of_the_protocol_after_what_was_whole(damage: int) -> None:
    bad = bytearray(delta({"text": "b"}))
    bad[damage] ^= 0xFF
    steps = BEDROCK.decoder(chat({}), native=False).feed(delta({"text": "a"}) + bytes(bad) + delta({"text": "c"}))
    assert [step.text for step in steps] == ["a", ""]
    assert steps[-1].error is not None
    assert steps[-1].error.kind is FailureKind.PROTOCOL


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", FailureKind.RATE_LIMITED),
        ("modelStreamErrorException", FailureKind.SERVER_ERROR),
        ("internalServerException", FailureKind.SERVER_ERROR),
        ("serviceUnavailableException", FailureKind.OVERLOADED),
        ("modelTimeoutException", FailureKind.TIMEOUT),
        ("validationException", FailureKind.BAD_REQUEST),
    ],
)
@pytest.mark.parametrize("native", [True, False])
def test_exceptions_in_the_stream_have_their_kind(name: str, kind: FailureKind, *, native: bool) -> None:
    decoder = BEDROCK.language(CLAUDE).decoder(chat({}, Dialect.ANTHROPIC), native=native)
    (step,) = decoder.feed(message(b'{"message":"no"}', message_type="exception", exception_type=name))
    assert step.error is not None
    assert (step.error.kind, step.error.message, step.error.code) == (kind, "no", name)


def test_errors_of_the_framing_have_their_words() -> None:
    decoder = BEDROCK.decoder(chat({}), native=False)
    (step,) = decoder.feed(message(b"", message_type="error", error_code="InternalFailure", error_message="gone"))
    assert step.error is not None
    assert (step.error.kind, step.error.message) == (FailureKind.SERVER_ERROR, "gone")


def test_an_event_that_is_no_json_is_skipped() -> None:
    bad = message(b"oops", message_type="event", event_type="contentBlockDelta")
    assert stream(bad, delta({"text": "a"}))["message"]["content"] == "a"
    native = BEDROCK.language(CLAUDE).decoder(chat({}, Dialect.ANTHROPIC), native=True)
    assert native.feed(message(b'{"bytes":"!"}', message_type="event", event_type="chunk")) == []


def test_an_unreadable_tool_call_is_an_error_and_no_finished_answer() -> None:
    (step,) = BEDROCK.decoder(chat({}), native=False).feed(event("messageStop", {"stopReason": "malformed_tool_use"}))
    assert step.error is not None
    assert step.finish is None
    body = msgspec.json.encode({"output": {}, "stopReason": "malformed_model_output"})
    with pytest.raises(ProviderError):
        BEDROCK.read(chat({}), UpstreamReply(200, {}, body))


@pytest.mark.parametrize("body", [b"oops", b"[]", b"{}", b'{"output":{}}'])
def test_an_unreadable_answer_is_an_error_of_the_protocol(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        BEDROCK.read(chat({}), UpstreamReply(200, {}, body))
    assert caught.value.kind is FailureKind.PROTOCOL


@pytest.mark.parametrize(
    ("original", "kind"),
    [(400, FailureKind.BAD_REQUEST), (429, FailureKind.RATE_LIMITED), (500, FailureKind.SERVER_ERROR)],
)
def test_what_went_wrong_in_the_model_is_told_by_the_original_status(original: int, kind: FailureKind) -> None:
    """Else nobody else would be asked where the model failed: 424 looks like the caller's mistake."""
    body = msgspec.json.encode({"message": "odd", "originalStatusCode": original, "resourceName": "r"})
    assert BEDROCK.classify(UpstreamReply(424, {"x-amzn-errortype": "ModelErrorException"}, body)).kind is kind


@pytest.mark.parametrize(
    ("status", "name", "said", "kind"),
    [
        (400, "ValidationException", "bad", FailureKind.BAD_REQUEST),
        (400, "ValidationException", "Input is too long for requested model.", FailureKind.CONTEXT_TOO_LONG),
        (400, "ValidationException", "prompt is too long: 300000 tokens", FailureKind.CONTEXT_TOO_LONG),
        (400, "ValidationException", "The provided model identifier is invalid.", FailureKind.NOT_FOUND),
        (403, "AccessDeniedException", "no access", FailureKind.AUTH),
        (403, "AccessDeniedException", "INVALID_PAYMENT_INSTRUMENT: add one", FailureKind.BILLING),
        (403, "ExpiredTokenException", "expired", FailureKind.AUTH),
        (403, "UnrecognizedClientException", "invalid token", FailureKind.AUTH),
        (404, "ResourceNotFoundException", "gone", FailureKind.NOT_FOUND),
        (408, "ModelTimeoutException", "slow", FailureKind.TIMEOUT),
        (424, "ModelErrorException", "odd", FailureKind.SERVER_ERROR),
        (429, "ThrottlingException", "slow down", FailureKind.RATE_LIMITED),
        (429, "ModelNotReadyException", "wait", FailureKind.OVERLOADED),
        (500, "InternalServerException", "oops", FailureKind.SERVER_ERROR),
        (503, "ServiceUnavailableException", "busy", FailureKind.OVERLOADED),
    ],
)
@pytest.mark.parametrize("in_body", [True, False])
def test_each_failure_has_its_kind(status: int, name: str, said: str, kind: FailureKind, *, in_body: bool) -> None:
    headers = {"retry-after": "3"} if in_body else {"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/"}
    body: Json = {"message": said} | ({"__type": f"com.amazon#{name}"} if in_body else {})
    error = BEDROCK.classify(UpstreamReply(status, headers, msgspec.json.encode(body)))
    assert (error.kind, error.message, error.code) == (kind, said, name)
    assert error.retry_after == (3.0 if in_body else None)


@each([r for r in recordings("bedrock", "bedrock.converse") if r.reply.status >= 400])
def test_recorded_failures_keep_their_words(recording: Recording) -> None:
    error = BEDROCK.classify(recording.reply)
    assert error.message == msgspec.json.decode(recording.reply.body)["message"]
    assert error.status == recording.reply.status


def test_a_failure_without_json_shows_its_text() -> None:
    error = BEDROCK.classify(UpstreamReply(502, {"retry-after": "soon"}, b"<html>"))
    assert (error.kind, error.message, error.retry_after) == (FailureKind.SERVER_ERROR, "<html>", None)
