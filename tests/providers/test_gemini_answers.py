"""Answers of Gemini that no recording holds: blocked, broken off, several, with code and pictures."""

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.sse import FrameTooLong
from llmgateway.providers.base import Answer, Step, UpstreamReply
from llmgateway.providers.gemini.declaration import GEMINI
from tests.providers.calls import chat

USAGE: Json = {"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 4, "totalTokenCount": 9}


def candidate(*parts: Json, index: int = 0, reason: str | None = "STOP", **more: object) -> Json:
    made: Json = {"content": {"role": "model", "parts": list(parts)}, "index": index, **more}
    return {**made, "finishReason": reason} if reason else made


def frame(*candidates: Json, **more: object) -> Json:
    return {"candidates": list(candidates), "responseId": "r1", "modelVersion": "gemini-x", **more}


def read(body: Json) -> Answer:
    return GEMINI.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode(body)))


def streamed(*frames: Json, candidates: int = 1) -> list[Step]:
    decoder = GEMINI.decoder(chat({"n": candidates}), native=False)
    body = b"".join(b"data: %b\r\n\r\n" % msgspec.json.encode(item) for item in frames)
    return [*decoder.feed(body), *decoder.close()]


def deltas(steps: list[Step], index: int = 0) -> list[Json]:
    choices = [choice for step in steps if step.chunk for choice in step.chunk["choices"]]
    return [{**choice["delta"]} for choice in choices if choice["index"] == index]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("TOO_MANY_TOOL_CALLS", "length"),
        ("A_REASON_OF_TOMORROW", "length"),
        ("FINISH_REASON_UNSPECIFIED", None),
    ],
)
def test_each_finish_reason_has_a_word(reason: str, finish: str | None) -> None:
    body = frame(candidate({"text": "a"}, reason=reason))
    answer = read(body)
    assert answer.finish == finish
    assert answer.body["choices"][0]["native_finish_reason"] == reason
    assert [step.finish for step in streamed(body) if step.finish] == ([finish] if finish else [])


@pytest.mark.parametrize(
    ("version", "model"), [("models/gemini-x", "gemini-x"), ("gemini-x", "gemini-x"), ("", "asked-for")]
)
def test_the_model_is_the_one_that_was_asked_for_where_google_names_none(version: str, model: str) -> None:
    body = frame(candidate({"text": "a"}), modelVersion=version, usageMetadata=USAGE)
    assert read(body).body["model"] == model
    assert {step.chunk["model"] for step in streamed(body) if step.chunk} == {model}


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"])
@pytest.mark.parametrize(("told", "words"), [({"finishMessage": "print(f("}, "print(f("), ({}, "try again")])
def test_what_google_cannot_read_as_an_answer_is_a_failure(reason: str, told: Json, words: str) -> None:
    body = frame({"index": 0, "finishReason": reason, **told})
    with pytest.raises(ProviderError, match=reason) as caught:
        read(body)
    *_, step = streamed(frame(candidate({"text": "a"}, reason=None)), body)
    assert step.error is not None
    for error in (caught.value, step.error):
        assert (error.kind, error.code) == (FailureKind.SERVER_ERROR, reason)
        assert words in error.message


def test_calls_make_the_finish_tool_calls() -> None:
    body = frame(candidate({"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "S"}))
    answer = read(body)
    (call,) = answer.body["choices"][0]["message"]["tool_calls"]
    assert answer.finish == "tool_calls"
    assert call["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert call["extra_content"] == {"google": {"thought_signature": "S"}}

    (told,) = [delta["tool_calls"][0] for delta in deltas(streamed(body)) if "tool_calls" in delta]
    assert told == {"index": 0, **call}


def test_ids_are_stable_and_their_own() -> None:
    same: Json = {"functionCall": {"name": "f", "args": {}}}
    given: Json = {"functionCall": {"id": "g1", "name": "f"}}
    calls = read(frame(candidate(same, same, given))).body["choices"][0]["message"]["tool_calls"]
    again = [
        delta["tool_calls"][0]
        for delta in deltas(streamed(frame(candidate(same, reason=None)), frame(candidate(same, given))))
        if "tool_calls" in delta
    ]
    assert [call["id"] for call in calls] == [call["id"] for call in again]
    assert [call["index"] for call in again] == [0, 1, 2]
    assert len({call["id"] for call in calls}) == 3
    assert calls[2]["id"] == "g1"
    assert all(len(call["id"]) <= 40 for call in calls)


def test_a_blocked_prompt_is_an_answer_that_says_so() -> None:
    body: Json = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {**USAGE}, "responseId": "r1"}
    answer = read(body)
    message = answer.body["choices"][0]["message"]
    assert (answer.finish, message["content"]) == ("content_filter", "")
    assert message["refusal"] == "Google blocked the prompt (SAFETY)."

    steps = streamed(body)
    assert [step.finish for step in steps if step.finish] == ["content_filter"]
    assert deltas(steps)[0] == {"role": "assistant", **{name: message[name] for name in ("content", "refusal")}}
    assert steps[0].content


def test_a_filtered_answer_says_why() -> None:
    body = frame(candidate(reason="SAFETY", finishMessage="too spicy"))
    assert read(body).body["choices"][0]["message"]["refusal"] == "too spicy"
    assert {"refusal": "too spicy"} in deltas(streamed(body))


def test_several_candidates_are_several_choices() -> None:
    answer = read(frame(candidate({"text": "b"}, index=1), candidate({"text": "a"})))
    assert [choice["message"]["content"] for choice in answer.body["choices"]] == ["a", "b"]


def test_a_stream_of_several_is_finished_with_the_last() -> None:
    first = frame(candidate({"text": "a"}), candidate({"text": "b"}, index=1, reason=None))
    steps = streamed(first, frame(candidate({"text": "c"}, index=1, reason="MAX_TOKENS")), candidates=2)
    assert [step.finish for step in steps if step.finish] == ["length"]
    assert "".join(delta.get("content", "") for delta in deltas(steps, 1)) == "bc"


def test_fewer_candidates_than_asked_for_may_come() -> None:
    steps = streamed(frame(candidate({"text": "a"})), candidates=2)
    assert [step.finish for step in steps if step.finish] == ["stop"]
    cut = streamed(frame(candidate({"text": "a"}), candidate({"text": "b"}, index=1, reason=None)), candidates=3)
    assert [step.finish for step in cut if step.finish] == []


def test_usage_counts_thoughts_as_output_and_tool_use_as_input() -> None:
    said = {
        **USAGE,
        "toolUsePromptTokenCount": 10,
        "totalTokenCount": 19,
        "cachedContentTokenCount": 1,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}, {"modality": "IMAGE", "tokenCount": 1}],
    }
    usage = read(frame(candidate({"text": "a"}), usageMetadata=said)).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens) == (13, 6, 4)
    assert (usage.total_tokens, usage.cached_tokens) == (19, 1)
    assert (usage.audio_prompt_tokens, usage.image_prompt_tokens) == (2, 1)


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ({"serviceTier": "flex"}, "flex"),
        ({"serviceTier": "PRIORITY"}, "priority"),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority"),
        ({"trafficType": "ON_DEMAND"}, None),
        ({"serviceTier": 7}, None),
        ({}, None),
    ],
)
def test_the_tier_that_was_served_is_told(said: Json, tier: str | None) -> None:
    usage = read(frame(candidate({"text": "a"}), usageMetadata={**USAGE, **said})).usage
    assert usage is not None
    assert usage.tier == tier


def test_usage_of_a_stream_is_cumulative_and_its_chunk_comes_last() -> None:
    early = {"promptTokenCount": 3, "totalTokenCount": 3}
    steps = streamed(
        frame(candidate({"text": "a"}, reason=None), usageMetadata=early),
        frame(candidate({"text": "b"}), usageMetadata=USAGE),
    )
    assert [step.usage.completion_tokens for step in steps if step.usage] == [0, 6]
    last = steps[-1]
    assert last.usage_only
    assert last.chunk is not None
    assert last.chunk["choices"] == []
    assert (last.chunk.get("usage") or {})["total_tokens"] == 9


def test_searches_are_counted() -> None:
    grounding = {"webSearchQueries": ["a", "b"], "groundingChunks": []}
    body = frame(candidate({"text": "a"}, groundingMetadata=grounding), usageMetadata=USAGE)
    whole, streams = read(body).usage, [step.usage for step in streamed(body) if step.usage]
    assert whole is not None
    assert whole.searches == streams[-1].searches == 2


def test_citations_count_characters_where_google_counts_bytes() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}, {"retrievedContext": {"text": "x"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 4, "endIndex": 8, "text": "über"[1:]}, "groundingChunkIndices": [0, 1, 7]}
        ],
    }
    body = frame(candidate({"text": "é über"}, groundingMetadata=grounding))
    cited = {"url": "https://a.example", "title": "A", "start_index": 3, "end_index": 6}
    expected = [{"type": "url_citation", "url_citation": cited}]
    assert read(body).body["choices"][0]["message"]["annotations"] == expected
    assert [delta["annotations"] for delta in deltas(streamed(body, body)) if "annotations" in delta] == [expected]


def test_citations_find_their_part() -> None:
    segment = {"partIndex": 2, "endIndex": 3, "text": "two"}
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a.example"}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]}],
    }
    thought: Json = {"text": "hm", "thought": True}
    body = frame(candidate(thought, {"text": "one "}, {"text": "two"}, groundingMetadata=grounding))
    (whole,) = read(body).body["choices"][0]["message"]["annotations"]
    ((streams,),) = [delta["annotations"] for delta in deltas(streamed(body)) if "annotations" in delta]
    assert whole == streams
    assert (whole["url_citation"]["start_index"], whole["url_citation"]["end_index"]) == (4, 7)


def test_code_and_pictures_are_kept_apart() -> None:
    code: Json = {"executableCode": {"language": "PYTHON", "code": "1"}}
    picture: Json = {"inlineData": {"mimeType": "image/png", "data": "AA"}}
    thought: Json = {"text": "hm", "thought": True}
    body = frame(candidate(thought, {"text": "see "}, code, picture, {"text": "there"}))
    blocks = [{"type": "google_part", "part": part} for part in ({"text": "see "}, code, picture, {"text": "there"})]
    message = read(body).body["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("see there", "hm")
    assert message["provider_blocks"] == blocks
    images = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    assert message["images"] == images
    parts = [[thought], [{"text": "se"}], [{"text": "e "}], [code], [picture]]
    pieces = [frame(candidate(*some, reason=None)) for some in parts]
    told = deltas(streamed(*pieces, frame(candidate({"text": "there"}))))
    assert [delta["provider_blocks"] for delta in told if "provider_blocks" in delta] == [blocks]
    assert [delta["images"] for delta in told if "images" in delta] == [images]


def test_logprobs_are_openai_s() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "e", "logProbability": -1}]}],
    }
    body = frame(candidate({"text": "é"}, logprobsResult=result))
    top = {"token": "e", "logprob": -1, "bytes": [101]}
    token = {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": [top]}
    assert read(body).body["choices"][0]["logprobs"] == {"content": [token], "refusal": None}
    chunks = [step.chunk for step in streamed(body) if step.chunk and step.chunk["choices"]]
    assert {"content": [token], "refusal": None} in [chunk["choices"][0].get("logprobs") for chunk in chunks]


def test_the_text_for_counting_holds_all_that_was_written() -> None:
    body = frame(candidate({"text": "a", "thought": True}, {"text": "b"}, {"functionCall": {"name": "f", "args": {}}}))
    assert read(body).text.startswith("ab")
    assert "".join(step.text for step in streamed(body)) == "ab{}"
    assert [step.content for step in streamed(body)] == [False, True, True, True, False]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"candidates": 3}', b'{"usageMetadata": {}}'])
def test_an_answer_that_cannot_be_read_is_a_protocol_failure(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        GEMINI.read(chat({}), UpstreamReply(200, {}, body))
    assert caught.value.kind is FailureKind.PROTOCOL


def test_an_error_inside_a_success_is_raised() -> None:
    with pytest.raises(ProviderError, match="busy") as caught:
        read({"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}})
    assert caught.value.kind is FailureKind.OVERLOADED


@pytest.mark.parametrize("array", [False, True])
def test_an_error_in_mid_stream_is_told(array: bool) -> None:
    frames = [
        frame(candidate({"text": "a"}, reason=None)),
        {"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}},
    ]
    if array:
        decoder = GEMINI.decoder(chat({}), native=False)
        steps = [*decoder.feed(msgspec.json.encode(frames)), *decoder.close()]
    else:
        steps = streamed(*frames)
    error = steps[-1].error
    assert error is not None
    assert (error.kind, error.message, error.status) == (FailureKind.OVERLOADED, "busy", 503)
    assert not any(step.finish for step in steps)


def test_an_endless_event_is_a_failure() -> None:
    for start in (b"data: ", b"["):
        decoder = GEMINI.decoder(chat({}), native=False)
        decoder.feed(start + b'{"a":"')
        with pytest.raises(FrameTooLong):
            decoder.feed(b"x" * (17 * 1024 * 1024))
