"""Histories in canon as contents of Gemini, and answers sent back as history."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest
from llmgateway.providers.gemini.answer import Candidate, Content, canon_message
from tests.providers.calls import HELLO
from tests.providers.gemini_building import MODEL, NEWER, built, call, history

_PIXEL = "data:image/png;base64,AAAA"
_STAND_IN = "skip_thought_signature_validator"


def user(*parts: Json) -> Json:
    return {"role": "user", "content": list(parts)}


def image(url: str) -> Json:
    return {"type": "image_url", "image_url": {"url": url}}


def test_system_messages_are_the_instruction() -> None:
    body = built(
        {
            "messages": [
                {"role": "system", "content": "be brief"},
                HELLO,
                {"role": "developer", "content": [{"type": "text", "text": "and kind"}]},
            ]
        }
    )
    assert body["systemInstruction"] == {"parts": [{"text": "be brief"}, {"text": "and kind"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hello"}]}]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (image(_PIXEL), {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
        (
            image("https://example.org/a.webp?size=1"),
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.org/a.webp?size=1"}},
        ),
        (
            image("https://example.org/picture"),
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.org/picture"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "AA"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "flac"}},
            {"inlineData": {"mimeType": "audio/flac", "data": "AA"}},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "AA"}},
        ),
        ({"type": "file", "file": {"file_data": "AA"}}, {"inlineData": {"mimeType": "application/pdf", "data": "AA"}}),
        (
            {"type": "file", "file": {"file_url": "https://example.org/a.csv"}},
            {"fileData": {"mimeType": "text/csv", "fileUri": "https://example.org/a.csv"}},
        ),
        (
            {"type": "file", "file": {"file_id": "files/abc"}},
            {
                "fileData": {
                    "mimeType": "application/pdf",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
                }
            },
        ),
    ],
)
def test_content_parts(part: Json, expected: Json) -> None:
    assert history(user({"type": "text", "text": "see"}, part))[0]["parts"] == [{"text": "see"}, expected]


def test_parallel_results_are_one_turn_and_name_their_function() -> None:
    turns = history(
        HELLO,
        {"role": "assistant", "content": "look", "tool_calls": [call("1", "a", '{"x":1}'), call("2", "b", "")]},
        {"role": "tool", "tool_call_id": "2", "content": '{"ok": true}'},
        {"role": "tool", "tool_call_id": "1", "content": "fine"},
        {"role": "user", "content": "and now?"},
    )
    assert turns[1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "look"},
                {"functionCall": {"id": "1", "name": "a", "args": {"x": 1}}},
                {"functionCall": {"id": "2", "name": "b", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "2", "name": "b", "response": {"ok": True}}},
                {"functionResponse": {"id": "1", "name": "a", "response": {"output": "fine"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "and now?"}]},
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": "[1]"}, {"output": "[1]"}),
        ({"content": "{broken"}, {"output": "{broken"}),
        ({"content": "{}"}, {"output": "{}"}),
        ({"content": None}, {"output": ""}),
        ({"content": "no such city", "is_error": True}, {"error": "no such city"}),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, {"output": "a\nb"}),
    ],
)
def test_a_result_is_an_object(message: Json, expected: Json) -> None:
    turns = history(HELLO, {"role": "assistant", "tool_calls": [call("1", "a")]}, _result(message))
    assert turns[2]["parts"][0]["functionResponse"]["response"] == expected


def _result(message: Json) -> Json:
    return {"role": "tool", "tool_call_id": "1", **message}


def test_a_picture_in_a_result_goes_where_the_model_reads_it() -> None:
    messages = [HELLO, {"role": "assistant", "tool_calls": [call("1", "a")]}, _result({"content": [image(_PIXEL)]})]
    inline = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}

    older = history(*messages, model=MODEL)[2]["parts"]
    newer = history(*messages, model=NEWER)[2]["parts"]
    assert older == [{"functionResponse": {"id": "1", "name": "a", "response": {"output": ""}}}, inline]
    assert newer == [{"functionResponse": {"id": "1", "name": "a", "response": {"output": ""}, "parts": [inline]}}]


def test_a_signature_goes_back_with_its_call() -> None:
    extra = {"google": {"thought_signature": "S"}}
    calls = [call("1", "a", extra_content=extra), call("2", "b")]
    parts = history(HELLO, {"role": "assistant", "tool_calls": calls}, model=NEWER)[1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == ["S", None]


def test_calls_without_a_signature_get_the_documented_stand_in_where_one_is_demanded() -> None:
    message: Json = {"role": "assistant", "tool_calls": [call("1", "a"), call("2", "b")]}
    newer = history(HELLO, message, model=NEWER)[1]["parts"]
    older = history(HELLO, message, model=MODEL)[1]["parts"]
    assert [part.get("thoughtSignature") for part in newer] == [_STAND_IN, None]
    assert [part.get("thoughtSignature") for part in older] == [None, None]


def test_blocks_of_another_provider_are_not_sent() -> None:
    foreign = [{"type": "text", "text": "a"}, {"type": "server_tool_use", "id": "1"}]
    message: Json = {"role": "assistant", "content": "a", "provider_blocks": foreign}
    assert history(HELLO, message)[1]["parts"] == [{"text": "a"}]


def test_an_edited_message_wins_over_the_kept_parts() -> None:
    kept = [{"type": "google_part", "part": {"text": "before"}}]
    message: Json = {"role": "assistant", "content": "after", "provider_blocks": kept}
    assert history(HELLO, message)[1]["parts"] == [{"text": "after"}]


def test_empty_texts_are_left_out_beside_others() -> None:
    empty: Json = {"type": "text", "text": ""}
    assert history(user(empty, {"type": "text", "text": "a"})) == [{"role": "user", "parts": [{"text": "a"}]}]
    assert history(user(empty)) == [{"role": "user", "parts": [{"text": ""}]}]
    (_, turn) = history(user(empty), {"role": "assistant", "content": [empty], "tool_calls": [call("1", "a")]})
    assert [list(part) for part in turn["parts"]] == [["functionCall"]]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [(["a", ""], ["a"]), (["", "a"], ["a"]), (["", "", "a", ""], ["a"]), (["", ""], [""]), ([""], [""])],
)
def test_an_empty_turn_of_the_user_is_left_out_beside_another(said: list[str], wanted: list[str]) -> None:
    """Google answers one with a 400: `it has an empty text parameter`."""
    given: list[Json] = [{"role": "user", "content": text} for text in said]
    assert history(*given) == [{"role": "user", "parts": [{"text": text}]} for text in wanted]
    answered: Json = {"role": "assistant", "content": "b"}
    assert [turn["role"] for turn in history(HELLO, answered, user())] == ["user", "model", "user"]


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "tool", "tool_call_id": "9", "content": "x"}], "messages.0.tool_call_id"),
        ([{"role": "narrator", "content": "x"}], "messages.0.role"),
        ([{"role": "system", "content": [image(_PIXEL)]}, {"role": "user", "content": "hi"}], "messages.0.content"),
        ([user(image("ftp://x"))], "messages.0.content.0.image_url.url"),
        ([user({"type": "file", "file": {}})], "messages.0.content.0.file.file_data"),
        ([user({"type": "input_audio", "input_audio": {}})], "messages.0.content.0.input_audio"),
        ([user({"type": "video"})], "messages.0.content.0.type"),
        ([{"role": "assistant", "tool_calls": [call("1", "a", "{")]}], "messages.0.tool_calls.0.function.arguments"),
        ([{"role": "assistant", "tool_calls": [call("1", "a", "[1]")]}], "messages.0.tool_calls.0.function.arguments"),
        ([{"role": "assistant", "tool_calls": [{"id": "1"}]}], "messages.0.tool_calls.0"),
    ],
)
def test_what_cannot_be_expressed_is_refused_by_its_place(messages: list[Json], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        history(*messages)
    assert caught.value.param == param


def _text(text: str, signature: Json) -> Json:
    return {"text": text, **signature}


def _called(name: str, args: Json, signature: Json) -> Json:
    return {"functionCall": {"name": name, "args": args}, **signature}


def _thought(text: str) -> Json:
    return {"text": text, "thought": True}


_SIGNATURES: st.SearchStrategy[Json] = st.sampled_from([Json(), {"thoughtSignature": "c2lnbmF0dXJl"}])
_VALUES = st.integers(-9, 9) | st.text(max_size=3) | st.none()
_TEXTS = st.builds(_text, st.text(min_size=1, max_size=9), _SIGNATURES)
_CALLS = st.builds(
    _called, st.sampled_from(["a", "b"]), st.dictionaries(st.text(max_size=3), _VALUES, max_size=2), _SIGNATURES
)
_CODE: st.SearchStrategy[Json] = st.just({"executableCode": {"language": "PYTHON", "code": "print(1)"}})
_THOUGHTS = st.builds(_thought, st.text(min_size=1, max_size=5))


@given(st.lists(_TEXTS | _CALLS | _CODE | _THOUGHTS, min_size=1, max_size=6), st.sampled_from([MODEL, NEWER]))
def test_an_answer_goes_back_as_it_came(parts: list[Json], model: str) -> None:
    message = canon_message(Candidate(content=Content(parts=parts)), "r1")
    results = [_answering(made) for made in message.get("tool_calls", [])]
    contents = history(HELLO, {**message}, *results, model=model)
    said = [part for part in parts if not part.get("thought")]
    back = [part for turn in contents[1:] if turn["role"] == "model" for part in turn["parts"]]

    assert _meaning(back) == _meaning(said)
    signatures = [part["thoughtSignature"] for part in back if part.get("thoughtSignature", _STAND_IN) != _STAND_IN]
    signed_calls = [part for part in said if "functionCall" in part and "thoughtSignature" in part]
    assert len(signatures) >= len(signed_calls)
    answered = [
        part["functionResponse"]["id"] for turn in contents for part in turn["parts"] if "functionResponse" in part
    ]
    assert answered == [part["functionCall"]["id"] for part in back if "functionCall" in part]
    assert len(set(answered)) == len(answered)


def _answering(made: Any) -> Json:
    return {"role": "tool", "tool_call_id": made["id"], "content": "ok"}


def _meaning(parts: list[Json]) -> tuple[str, list[Any], list[Json]]:
    text = "".join(part.get("text", "") for part in parts)
    calls = [(part["functionCall"]["name"], part["functionCall"]["args"]) for part in parts if "functionCall" in part]
    return text, calls, [part for part in parts if "executableCode" in part]
