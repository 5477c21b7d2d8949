"""Whatever a stranger sends, in whichever dialect and to whichever provider: it is understood, or refused with a reason."""

import json
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest
from tests.conformance.dialects import CLIENTS, Client
from tests.conformance.features import DATA, IMAGE, PAPER, WEATHER
from tests.conformance.targets import Target, one_a_wire

_VALUES: Final[list[Any]] = [
    None,
    0,
    -1,
    1.5,
    "",
    "x",
    [],
    {},
    [1],
    ["a"],
    [None],
    [{}],
    {"a": 1},
    True,
    False,
    {"type": "x"},
]
_ANYTHING: Final = st.sampled_from(_VALUES)
_IMAGES: Final[list[Any]] = [
    {"url": 5},
    {"url": "file:///etc/passwd"},
    {},
    "https://example.com/a.png",
    7,
    IMAGE["image_url"],
]
_FILES: Final[list[Any]] = [{"file_id": "file-1"}, {"file_data": f"data:application/pdf;base64,{PAPER}"}, {}, "x"]
_PART: Final = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.sampled_from(["hi", "", " ", None])}),
    st.fixed_dictionaries({"type": st.just("image_url"), "image_url": st.sampled_from(_IMAGES)}),
    st.fixed_dictionaries({"type": st.just("file"), "file": st.sampled_from(_FILES)}),
    st.fixed_dictionaries({"type": st.just("tool_result"), "tool_use_id": st.just("c1"), "content": _ANYTHING}),
    st.fixed_dictionaries(
        {"type": st.just("image"), "source": st.sampled_from([{}, {"type": "base64", "data": DATA}])}
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["weird", "input_text", "thinking", "refusal", "document"])}),
)
_CALL: Final = st.fixed_dictionaries(
    {"id": st.sampled_from(["c1", "", None]), "type": st.sampled_from(["function", "custom"])},
    optional={
        "function": st.fixed_dictionaries(
            {"name": st.sampled_from(["f", ""]), "arguments": st.sampled_from(["{}", "", "x", "[1]", "null"])}
        ),
        "custom": st.just({"name": "f", "input": "x"}),
    },
)
_MESSAGE: Final = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system", "developer", "tool", "function"]),
        "content": st.one_of(_ANYTHING, st.lists(_PART, max_size=3), st.sampled_from(["hi", ""])),
    },
    optional={
        "tool_calls": st.one_of(_ANYTHING, st.lists(_CALL, max_size=2)),
        "tool_call_id": st.sampled_from(["c1", "c2", "", None]),
        "name": st.sampled_from(["f", "", None]),
        "function_call": _ANYTHING,
        "reasoning_content": _ANYTHING,
        "thinking_blocks": _ANYTHING,
        "provider_blocks": _ANYTHING,
        "extra_content": _ANYTHING,
    },
)
_TOOLS: Final[list[Any]] = [
        WEATHER, {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}, {"type": "function"},
        {"type": "custom", "custom": {"name": "c"}}, {"type": "custom", "name": "c"}, {"type": "web_search"},
        {"type": "web_search_20250305", "name": "web_search"}, {"name": "f", "input_schema": {"type": "object"}},
        {"type": "function", "name": "f", "parameters": {"type": "object"}}, {"type": "google_search"},
]  # fmt: skip
_TOOL: Final = st.sampled_from(_TOOLS)
_CHOICES: Final[list[Any]] = ["none", "auto", "required", "x", {}, {"type": "any"}, {"type": "tool", "name": "f"}, {"type": "function"},
     {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [WEATHER]}}, {"type": "custom"}]  # fmt: skip
_CHOICE: Final = st.sampled_from(_CHOICES)
_FORMATS: Final[list[Any]] = [{"type": "json_object"}, {"type": "json_schema"}, {"type": "grammar"}, {},
     {"type": "json_schema", "json_schema": {}}, {"type": "json_schema", "json_schema": {"schema": 5}}]  # fmt: skip
_FORMAT: Final = st.sampled_from(_FORMATS)
_NAMES: Final = (
    "temperature", "top_p", "top_k", "n", "stop", "seed", "logprobs", "top_logprobs", "logit_bias", "reasoning_effort",
    "parallel_tool_calls", "thinking", "service_tier", "user", "metadata", "store", "functions", "function_call", "think",
    "modalities", "audio", "prediction", "verbosity", "extra_body", "stream_options", "cache_control", "options",
    "system", "stop_sequences", "output_config", "max_tokens", "max_completion_tokens", "keep_alive", "documents",
    "guardrailConfig", "text", "reasoning", "include", "instructions", "prompt", "max_output_tokens", "new_field",
)  # fmt: skip
_KINDS: Final = ("function_call", "function_call_output", "reasoning", "item_reference", "custom_tool_call", "x")
_REST: Final[dict[str, st.SearchStrategy[Any]]] = {
    "call_id": st.just("c1"),
    "name": st.just("f"),
    "arguments": _ANYTHING,
    "output": st.one_of(_ANYTHING, st.lists(_PART, max_size=2)),
    "summary": _ANYTHING,
    "encrypted_content": st.sampled_from(["abc", "lgw1:x", "lgw1:W10="]),
}
_ITEM: Final[st.SearchStrategy[Json]] = st.one_of(
    _MESSAGE, st.fixed_dictionaries({"type": st.sampled_from(_KINDS)}, optional=_REST)
)


@st.composite
def _bodies(draw: st.DrawFn, dialect: str) -> Json:
    body: Json = {"model": "a-model"}
    if dialect == "responses":
        body["input"] = draw(st.one_of(st.just("x"), st.lists(_ITEM, max_size=3)))
    else:
        body["messages"] = draw(st.lists(_MESSAGE, min_size=1, max_size=3))
    if dialect == "anthropic":
        body["max_tokens"] = 9
    for name in draw(st.lists(st.sampled_from(_NAMES), max_size=3)):
        body[name] = draw(_ANYTHING)
    if draw(st.booleans()):
        body["tools"] = draw(st.lists(_TOOL, max_size=2))
        body["tool_choice"] = draw(_CHOICE)
    if draw(st.booleans()):
        body["response_format"] = draw(_FORMAT)
    return body


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.writer.id)
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_no_request_is_worse_than_refused(client: Client, data: st.DataObject) -> None:
    body = data.draw(_bodies(client.writer.id))
    with suppress(BadRequest):
        call = client.call(body)
        for target in one_a_wire():
            with suppress(BadRequest):
                refused = frozenset(target.provider.refuses(call, target.model))
                json.loads(target.provider.build(call, target.place(dropped=refused)).body)


TRANSLATED: Final = [target for target in one_a_wire() if target.name != "sandbox"]
FOREIGN = pytest.mark.parametrize("target", TRANSLATED, ids=lambda target: target.name)
HELLO: Final[Json] = {"role": "user", "content": "Hello"}
USED: Final[Json] = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def _told(target: Target, body: Json) -> list[str]:
    """What is refused, before or while the request is written; nothing when it goes through."""
    call = CLIENTS[0].call({"model": "a-model", "messages": [HELLO], **body})
    refused = list(target.provider.refuses(call, target.model))
    if not refused:
        try:
            target.provider.build(call, target.place())
        except BadRequest as refusal:
            return [refusal.param or ""]
    return refused


OPENAI_ALONE: Final[list[tuple[Json, str]]] = [
        ({"messages": [{**HELLO, "name": "bob"}]}, "messages.0.name"),
        ({"functions": [{"name": "f", "parameters": {}}]}, "functions"),
        (
            {"messages": [HELLO, {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}]},
            "messages.1.function_call",
        ),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"messages": [HELLO, {"role": "assistant", "tool_calls": [{**USED, "type": "custom", "function": None}]}]}, ""),
        (
            {"messages": [HELLO, {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "x"}}]}]},
            "messages.1.tool_calls.0.function.arguments",
        ),
        ({"extra_body": {"x": 1}}, "extra_body"),
        ({"brand_new": True}, "brand_new"),
    ]  # fmt: skip


@FOREIGN
@pytest.mark.parametrize(("body", "path"), OPENAI_ALONE)
def test_what_only_openai_knows_is_refused_by_name(target: Target, body: Json, path: str) -> None:
    told = _told(target, body)
    assert told
    assert told[0].startswith(path)


@FOREIGN
def test_sense_is_made_of_what_is_odd_but_clear(target: Target) -> None:
    """Empty answers, several texts, late system messages, results that are empty, both limits: the last one counts."""
    body: Json = {
        "model": "a-model",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
            HELLO,
            {"role": "assistant", "content": ""},
            {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "now?"}]},
            {"role": "assistant", "content": None, "tool_calls": [USED]},
            {"role": "tool", "tool_call_id": "c1", "content": ""},
            {"role": "system", "content": "Late."},
        ],
        "max_tokens": 5,
        "max_completion_tokens": 7,
        "stop": [],
        "tools": [WEATHER],
        "tool_choice": "auto",
    }
    call = CLIENTS[0].call(body)
    assert list(target.provider.refuses(call, target.model)) == []
    asked = target.wire.asked(target.provider, target.provider.build(call, target.place()))
    assert [word for word in ("One.", "Two.", "Late.") if word not in asked.system] == []
    said = " ".join(asked.user)
    assert [word for word in ("Hello", "And", "now?") if word not in said] == []
    assert (asked.calls, asked.results) == ((("f", {}),), ("",))
    assert asked.settings["max_tokens"] == 7
    assert "stop" not in asked.settings
