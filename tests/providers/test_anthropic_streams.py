"""Streams of the Messages API that the recordings do not hold: citations, odd orders, cut inputs, broken frames."""

from typing import Any

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.canon.usage import Usage
from llmgateway.kit.sse import FrameTooLong
from llmgateway.providers.anthropic.answer import canon_message, usage_of
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.base import Step, UpstreamReply
from tests.providers.calls import chat

START: Json = {"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 5}}}
CITATION: Json = {"type": "web_search_result_location", "url": "https://x.test/", "title": "X", "cited_text": "c"}
PAGE: Json = {"type": "page_location", "cited_text": "c", "document_index": 0}


def start(block: Json, index: int = 0) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grow(delta: Json, index: int = 0) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stop(index: int = 0) -> Json:
    return {"type": "content_block_stop", "index": index}


def text(said: str, index: int, *citations: Json) -> list[Json]:
    cited = [grow({"type": "citations_delta", "citation": citation}, index) for citation in citations]
    return [
        start({"type": "text", "text": ""}, index),
        grow({"type": "text_delta", "text": said}, index),
        *cited,
        stop(index),
    ]


def end(reason: str = "end_turn", **usage: Any) -> list[Json]:
    return [{"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}, {"type": "message_stop"}]


def frames(events: list[Json]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), msgspec.json.encode(e)) for e in events)


def steps(*events: Json, native: bool = False) -> list[Step]:
    return [*ANTHROPIC.decoder(chat({}), native=native).feed(frames([*events]))]


def deltas(found: list[Step], name: str) -> list[Any]:
    choices = [choice for step in found if step.chunk for choice in step.chunk["choices"]]
    return [value for choice in choices for field, value in choice["delta"].items() if field == name]


def test_web_citations_become_annotations_with_their_place() -> None:
    found = steps(START, *text("ab", 0), *text("cde", 1, CITATION, PAGE), *end())
    assert deltas(found, "annotations") == [
        [
            {
                "type": "url_citation",
                "url_citation": {"url": "https://x.test/", "title": "X", "start_index": 2, "end_index": 5},
            }
        ]
    ]
    kept: list[Json] = [
        {"type": "text", "text": "ab"},
        {"type": "text", "text": "cde", "citations": [CITATION, PAGE]},
    ]
    assert [block for blocks in deltas(found, "provider_blocks") for block in blocks] == kept
    whole = canon_message(kept)
    assert whole.get("annotations") == deltas(found, "annotations")[0]
    assert whole.get("provider_blocks") == kept


def test_interleaved_thinking_keeps_its_order() -> None:
    def thinking(index: int, signature: str) -> list[Json]:
        return [
            start({"type": "thinking", "thinking": "", "signature": ""}, index),
            grow({"type": "thinking_delta", "thinking": "hm"}, index),
            grow({"type": "signature_delta", "signature": signature}, index),
            stop(index),
        ]

    found = steps(START, *thinking(0, "s1"), *text("a", 1), *thinking(2, "s2"), *text("b", 3), *end())
    blocks = [block for part in deltas(found, "provider_blocks") for block in part]
    assert [block["type"] for block in blocks] == ["thinking", "text", "thinking", "text"]
    assert [block["signature"] for part in deltas(found, "thinking_blocks") for block in part] == ["s1", "s2"]


def test_calls_by_code_are_kept_whole() -> None:
    use: Json = {
        "type": "tool_use",
        "id": "t",
        "name": "f",
        "input": {},
        "caller": {"type": "code_execution_20260120", "tool_id": "s"},
    }
    found = steps(START, start(use), grow({"type": "input_json_delta", "partial_json": '{"a":1}'}), stop(), *end())
    assert deltas(found, "provider_blocks") == [[{**use, "input": {"a": 1}}]]


@pytest.mark.parametrize(("given", "arguments"), [({}, "{}"), ({"a": 1}, '{"a":1}')])
def test_an_input_that_came_with_the_start_is_told(given: Json, arguments: str) -> None:
    found = steps(START, start({"type": "tool_use", "id": "t", "name": "f", "input": given}), stop(), *end("tool_use"))
    pieces = [call["function"]["arguments"] for calls in deltas(found, "tool_calls") for call in calls]
    assert "".join(pieces) == arguments


def test_a_cut_input_of_a_server_tool_is_kept_as_text() -> None:
    use: Json = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    found = steps(
        START, start(use), grow({"type": "input_json_delta", "partial_json": '{"q'}), stop(), *end("max_tokens")
    )
    assert deltas(found, "provider_blocks") == [[{**use, "input": {"INVALID_JSON": '{"q'}}]]
    assert [step.text for step in found if step.text] == ['{"q']


def test_text_that_came_with_the_start_is_told() -> None:
    found = steps(
        START, start({"type": "text", "text": "he"}), grow({"type": "text_delta", "text": "y"}), stop(), *end()
    )
    assert "".join(deltas(found, "content")) == "hey"


def test_the_last_figures_win_and_the_split_stays() -> None:
    usage: Json = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 9,
        "cache_creation": {"ephemeral_1h_input_tokens": 4, "ephemeral_5m_input_tokens": 5},
    }
    begun: Json = {**START, "message": {**START["message"], "usage": usage}}
    told: Json = {"input_tokens": 7, "output_tokens": 3, "server_tool_use": {"web_search_requests": 2}}
    for native in (True, False):
        found = steps(begun, *end(**told, output_tokens_details={"thinking_tokens": 1}), native=native)
        assert [step.usage for step in found if step.usage][-1] == Usage(
            prompt_tokens=16,
            completion_tokens=3,
            cache_write_tokens=9,
            cache_write_1h_tokens=4,
            reasoning_tokens=1,
            searches=2,
        )


def test_figures_of_an_unknown_form_hide_nothing_else() -> None:
    for native in (True, False):
        found = steps(START, *text("a", 0), *end(output_tokens="many"), native=native)
        assert [step.finish for step in found if step.finish] == ["stop"]
        assert [step.usage for step in found if step.usage][-1] == Usage(prompt_tokens=5, completion_told=False)
        assert any(step.content for step in found)
    whole: Json = {"type": "message", "id": "msg_1", "content": [], "usage": {"input_tokens": "many"}}
    assert ANTHROPIC.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode(whole))).usage is None
    assert ANTHROPIC.read(chat({}), UpstreamReply(200, {}, b'{"id":"msg_1","content":[]}')).usage is None
    assert usage_of(None) is None


def test_a_stream_without_figures_has_no_usage_chunk() -> None:
    begun: Json = {"type": "message_start", "message": {"id": "msg_1"}}
    found = steps(begun, *text("a", 0), {"type": "message_delta", "delta": {"stop_reason": "refusal"}})
    assert not any(step.usage_only for step in found)
    assert [step.finish for step in found if step.finish] == ["content_filter"]


@pytest.mark.parametrize(
    "frame",
    [
        b": comment\n\n",
        b"event: ping\n\n",
        b'data: {"type":"of_tomorrow"}\n\n',
        b'data: {"type":{"of":"tomorrow"}}\n\n',
    ],
)
def test_a_frame_that_says_nothing_is_skipped_or_handed_on(frame: bytes) -> None:
    assert list(ANTHROPIC.decoder(chat({}), native=False).feed(frame)) == []
    assert list(ANTHROPIC.decoder(chat({}), native=True).feed(frame)) == [Step(raw=frame)]


@pytest.mark.parametrize("data", [b"{", b"\xff", b"1", b"null", b"[]", b'{"type":"\xff"}', b"\x00"])
@pytest.mark.parametrize("native", [True, False])
def test_a_malformed_event_is_left_out(data: bytes, *, native: bool) -> None:
    assert list(ANTHROPIC.decoder(chat({}), native=native).feed(b"event: ping\ndata: " + data + b"\n\n")) == []


def test_an_event_that_was_cut_is_left_out() -> None:
    decoder = ANTHROPIC.decoder(chat({}), native=True)
    assert list(decoder.feed(b'event: content_block_delta\ndata: {"type":"content_b')) == []
    assert list(decoder.close()) == []


def test_deltas_and_ends_of_blocks_that_never_began_are_skipped() -> None:
    assert steps(grow({"type": "text_delta", "text": "x"}, 7), stop(7)) == []
    assert steps({"type": "message_delta"}) == []


def test_an_endless_event_is_a_protocol_failure() -> None:
    with pytest.raises(FrameTooLong):
        ANTHROPIC.decoder(chat({}), native=True).feed(b"data: " + b"x" * (17 * 1024 * 1024))


def test_a_last_frame_without_its_blank_line_is_read_at_the_end() -> None:
    decoder = ANTHROPIC.decoder(chat({}), native=False)
    assert list(decoder.feed(b'data: {"type":"message_stop"}')) == []
    assert list(decoder.close()) == [Step(end=True)]


def test_a_stop_sequence_is_named() -> None:
    delta: Json = {"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"}}
    (step,) = [step for step in steps(START, delta) if step.finish]
    assert step.chunk is not None
    assert step.chunk["choices"][0].get("stop_sequence") == "END"
    whole: Json = {"id": "m", "content": [], "stop_reason": "stop_sequence", "stop_sequence": "END"}
    answer = ANTHROPIC.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode(whole)))
    assert answer.body["choices"][0]["stop_sequence"] == "END"
    assert answer.finish == "stop"


def test_a_turn_that_is_to_go_on_is_not_finished() -> None:
    """Page: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons."""
    (step,) = [step for step in steps(START, *text("a", 0), *end("pause_turn")) if step.finish]
    assert step.finish == "length"
    whole: Json = {"id": "m", "content": [{"type": "text", "text": "a"}], "stop_reason": "pause_turn"}
    answer = ANTHROPIC.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode(whole)))
    choice = answer.body["choices"][0]
    assert (answer.finish, choice["finish_reason"], choice["native_finish_reason"]) == (
        "length",
        "length",
        "pause_turn",
    )


def test_why_claude_refused_is_told() -> None:
    why: Json = {"type": "refusal", "category": "cyber", "explanation": "It would help to break in."}
    delta: Json = {"stop_reason": "refusal", "stop_details": why}
    found = steps(START, {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}})
    assert deltas(found, "refusal") == ["It would help to break in."]
    assert [step.finish for step in found if step.chunk and step.chunk["choices"]][-1] == "content_filter"
    whole: Json = {"id": "m", "content": [], **delta}
    message = ANTHROPIC.read(chat({}), UpstreamReply(200, {}, msgspec.json.encode(whole))).body["choices"][0]["message"]
    assert message["refusal"] == "It would help to break in."


@pytest.mark.parametrize("details", [None, {"type": "refusal", "category": None, "explanation": None}])
def test_a_refusal_without_a_reason_says_none(details: Json | None) -> None:
    delta: Json = {"stop_reason": "refusal", "stop_details": details}
    assert deltas(steps(START, {"type": "message_delta", "delta": delta, "usage": {}}), "refusal") == []
