"""Histories of other dialects and newer clients as compatible hosts take them: developer messages, pictures in tool results."""

import json

import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.providers.hosts.cerebras import CEREBRAS
from llmgateway.providers.hosts.deepseek import DEEPSEEK
from llmgateway.providers.hosts.groq import GROQ
from llmgateway.providers.hosts.mistral import MISTRAL
from llmgateway.providers.hosts.ollama import OLLAMA
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.hosts.openrouter import OPENROUTER
from llmgateway.providers.hosts.perplexity import PERPLEXITY
from llmgateway.providers.openai_compatible import OpenAICompatible, compatible_host
from tests.providers.calls import sent
from tests.providers.openai_building import LAB, PLACE

DEVELOPER: Json = {"role": "developer", "content": "Be brief."}
USER: Json = {"role": "user", "content": "Hello"}
PICTURE: Json = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
URL = "data:image/png;base64,AA=="


def messages(call: Call, host: OpenAICompatible = LAB) -> list[Json]:
    found: list[Json] = sent(host.build(call, PLACE))["messages"]
    return found


def asked(*history: Json) -> Call:
    return OpenAIDialect().read(Operation.CHAT, json.dumps({"model": "m", "messages": [*history]}).encode(), Wishes())


@pytest.mark.parametrize("host", [LAB, DEEPSEEK], ids=lambda host: host.id)
def test_developer_messages_are_system_messages_where_only_those_are_known(host: OpenAICompatible) -> None:
    assert messages(asked(DEVELOPER, USER), host) == [{"role": "system", "content": "Be brief."}, USER]


def test_openai_gets_developer_messages_as_they_are() -> None:
    assert messages(asked(DEVELOPER, USER), OPENAI)[0] == DEVELOPER
    body = {"model": "m", "input": [DEVELOPER, USER]}
    assert messages(ResponsesDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes()))[0]["role"] == "system"


def _results(*contents: object) -> Call:
    calls: list[Json] = [
        {"type": "tool_use", "id": f"t{i}", "name": "look", "input": {"deep": 1}} for i, _ in enumerate(contents)
    ]
    results: list[Json] = [
        {"type": "tool_result", "tool_use_id": f"t{i}", "content": c} for i, c in enumerate(contents)
    ]
    body: Json = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "Look."},
            {"role": "assistant", "content": calls},
            {"role": "user", "content": [*results, {"type": "text", "text": "And now?"}]},
        ],
    }
    return AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


@pytest.mark.parametrize("host", [LAB, OPENAI], ids=lambda host: host.id)
def test_pictures_in_tool_results_follow_the_results(host: OpenAICompatible) -> None:
    call = _results([{"type": "text", "text": "a screen"}, PICTURE], "plain", [PICTURE])
    _, _, first, second, third, media, last = messages(call, host)
    assert first == {"role": "tool", "tool_call_id": "t0", "content": [{"type": "text", "text": "a screen"}]}
    assert second == {"role": "tool", "tool_call_id": "t1", "content": "plain"}
    assert (third["role"], third["tool_call_id"]) == ("tool", "t2")
    assert isinstance(third["content"], str)
    assert third["content"]
    assert media["role"] == "user"
    assert [part["type"] for part in media["content"]] == ["text", "image_url", "text", "image_url"]
    assert [part["image_url"]["url"] for part in media["content"][1::2]] == [URL, URL]
    assert ["t0" in media["content"][0]["text"], "t2" in media["content"][2]["text"]] == [True, True]
    assert last == {"role": "user", "content": "And now?"}


def test_pictures_of_the_last_result_are_not_lost() -> None:
    body = {
        "model": "m",
        "input": [
            {"role": "user", "content": "Look."},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_image", "image_url": URL}]},
        ],
    }
    call = ResponsesDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    assert messages(call)[-1]["content"][-1] == {"type": "image_url", "image_url": {"url": URL}}


def test_between_results_and_a_user_the_assistant_speaks_where_a_host_wants_it() -> None:
    """Claude Code sends its reminders beside the results: Mistral answers `Unexpected role 'user' after role 'tool'`."""
    used: Json = {"type": "tool_use", "id": "abcdefghi", "name": "f", "input": {}}
    result: Json = {"type": "tool_result", "tool_use_id": "abcdefghi", "content": [PICTURE]}
    body: Json = {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            USER,
            {"role": "assistant", "content": [used]},
            {"role": "user", "content": [result, {"type": "text", "text": "Go on."}]},
        ],
    }
    call = AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    assert [message["role"] for message in messages(call)] == ["user", "assistant", "tool", "user", "user"]
    roles = ["user", "assistant", "tool", "assistant", "user", "user"]
    assert [message["role"] for message in messages(call, MISTRAL)] == roles
    assert messages(call, MISTRAL)[3] == {"role": "assistant", "content": "OK"}
    calling: Json = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    chat = asked(USER, calling, {"role": "tool", "tool_call_id": "abcdefghi", "content": "1"}, USER)
    assert messages(chat, MISTRAL)[3:] == [{"role": "assistant", "content": "OK"}, USER]
    assert messages(chat)[3:] == [USER]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("s u a s u", "s s u a u"),
        ("u a s u", "s u a u"),
        ("s u s", "s s u"),
        ("s u s u", "s u s u"),
        ("u c t s u", "s u c t o u"),
        ("u c t s", "s u c t"),
        ("u a s", "u a u"),
        ("u a s s", "s u a u"),
        ("u c t u s", "s u c t o u"),
        ("s s u a", "s s u a"),
        ("s", "u"),
        ("s s", "s u"),
        ("u e u", "u u"),
        ("u c t e u", "u c t o u"),
    ],
)
def test_a_host_with_a_strict_order_gets_every_message_in_it(given: str, wanted: str) -> None:
    """As mistral-common checks it: system, user < user, system, assistant; assistant < user, tool; tool < assistant."""
    call: Json = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    made: dict[str, Json] = {
        "s": DEVELOPER,
        "u": USER,
        "a": {"role": "assistant", "content": "Well."},
        "e": {"role": "assistant", "content": ""},
        "c": {"role": "assistant", "content": "", "tool_calls": [call]},
        "t": {"role": "tool", "tool_call_id": "abcdefghi", "content": "1"},
    }
    roles = {"s": "system", "u": "user", "a": "assistant", "c": "assistant", "t": "tool", "o": "assistant"}
    found = messages(asked(*(made[letter] for letter in given.split())), MISTRAL)
    assert [message["role"] for message in found] == [roles[letter] for letter in wanted.split()]


def test_messages_of_one_role_are_one_where_user_and_assistant_must_alternate() -> None:
    """Perplexity answers others with a 400: `user and assistant roles should be alternating`."""
    picture: Json = {"type": "image_url", "image_url": {"url": URL}}
    said: Json = {"role": "assistant", "content": "Well."}
    asked_again: Json = {"role": "user", "content": [picture]}
    found = messages(
        asked(USER, USER, said, DEVELOPER, {"role": "assistant", "content": ""}, asked_again, USER), PERPLEXITY
    )
    assert found == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello\n\nHello"},
        said,
        {"role": "user", "content": [picture, {"type": "text", "text": "Hello"}]},
    ]


def test_calls_and_results_in_a_row_stay_apart_where_others_become_one() -> None:
    call: Json = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    results: list[Json] = [{"role": "tool", "tool_call_id": "a", "content": "1"} for _ in range(2)]
    said: Json = {"role": "assistant", "content": "Let me look."}
    history: list[Json] = [USER, said, {"role": "assistant", "content": "", "tool_calls": [call, call]}, *results]
    assert messages(asked(*history), PERPLEXITY) == history


def test_a_client_of_openai_itself_keeps_its_own_tool_messages() -> None:
    tool: Json = {
        "role": "tool",
        "tool_call_id": "c1",
        "content": [{"type": "image_url", "image_url": {"url": URL}}],
    }
    assert messages(asked(USER, tool))[-1] == tool


CALL: Json = {"id": "D681PevKs", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SIGNATURE: Json = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
ECHOED: Json = {
    "role": "assistant",
    "content": None,
    "refusal": None,
    "annotations": [],
    "audio": None,
    "function_call": None,
    "reasoning_content": "hm",
    "reasoning": "hm",
    "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
    "images": [{"type": "image_url", "image_url": {"url": URL}}],
    "tool_calls": [{**CALL, **SIGNATURE}],
}
"""An answer with everything that some host or the gateway puts into it, as a client's library sends it back."""


@pytest.mark.parametrize(
    ("host", "extras"),
    [
        (OPENAI, {"refusal", "annotations", "audio", "function_call"}),
        (MISTRAL, set[str]()),
        (GROQ, set[str]()),
        (CEREBRAS, {"reasoning"}),
        (DEEPSEEK, {"reasoning_content", "reasoning"}),
        (OLLAMA, {"reasoning_content", "reasoning"}),
        (LAB, {"reasoning_content", "reasoning", "reasoning_details"}),
        (OPENROUTER, {"reasoning_content", "reasoning", "reasoning_details", "images"}),
    ],
    ids=lambda value: value.id if isinstance(value, OpenAICompatible) else "",
)
def test_an_answer_that_is_sent_back_reaches_a_host_with_what_it_knows(
    host: OpenAICompatible, extras: set[str]
) -> None:
    call = asked(USER, ECHOED)
    assert list(host.refuses(call, "m")) == []
    said = messages(call, host)[1]
    assert said.keys() == {"role", "content", "tool_calls"} | extras
    assert said["tool_calls"] == [CALL]
    assert {name: said[name] for name in extras} == {name: ECHOED[name] for name in extras}


def test_googles_own_surface_of_the_wire_gets_its_signatures_back() -> None:
    google = compatible_host("google", "https://generativelanguage.googleapis.com/v1beta/openai")
    assert messages(asked(USER, ECHOED), google)[1]["tool_calls"] == [{**CALL, **SIGNATURE}]


@pytest.mark.parametrize("host", [MISTRAL, GROQ, CEREBRAS], ids=lambda host: host.id)
def test_a_host_that_refuses_strange_fields_gets_none(host: OpenAICompatible) -> None:
    marked: Json = {**USER, "cache_control": {"type": "ephemeral"}, "own": 1}
    asking, said = messages(asked(marked, {**ECHOED, "tool_calls": [{**CALL, "own": 1}]}), host)
    assert asking == USER
    assert said["tool_calls"] == [CALL]


def test_a_name_is_refused_where_it_has_no_place() -> None:
    result: Json = {"role": "tool", "tool_call_id": "D681PevKs", "content": "1", "name": "f"}
    call = asked(DEVELOPER, {**USER, "name": "ann"}, result)
    assert list(MISTRAL.refuses(call, "m")) == ["messages.1.name"]
    assert list(GROQ.refuses(call, "m")) == []
    assert all("name" not in message for message in messages(call, MISTRAL))
    assert messages(call, GROQ)[1]["name"] == "ann"


@pytest.mark.parametrize(
    "refused",
    [{"content": [{"type": "refusal", "refusal": "No."}]}, {"content": None, "refusal": "No."}],
    ids=["part", "field"],
)
def test_a_refusal_is_a_text_for_all_but_openai(refused: Json) -> None:
    said: Json = {"role": "assistant", **refused}
    assert messages(asked(USER, said, USER), OPENAI)[1] == said
    for host in (MISTRAL, LAB):
        content = messages(asked(USER, said, USER), host)[1]["content"]
        assert content in ("No.", [{"type": "text", "text": "No."}])


def test_pictures_of_a_user_are_no_answers() -> None:
    message: Json = {**USER, "images": ["AA=="]}
    assert messages(asked(message), OLLAMA) == [message]


@pytest.mark.parametrize("host", [OPENAI, LAB, MISTRAL], ids=lambda host: host.id)
def test_how_tools_may_be_used_is_not_said_where_there_are_none(host: OpenAICompatible) -> None:
    """OpenAI's chat answers 400 (`only allowed when 'tools' are specified`); Messages and Responses let it stand."""
    choice: Json = {"type": "auto", "disable_parallel_tool_use": True}
    body: Json = {"model": "m", "max_tokens": 9, "messages": [USER], "tools": [], "tool_choice": choice}
    call = AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    assert not sent(host.build(call, PLACE)).keys() & {"tools", "tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize(
    ("choice", "kept"), [("auto", set[str]()), ("none", set[str]()), ("required", {"tool_choice"})]
)
def test_a_choice_that_must_be_made_is_said_even_without_tools(choice: str, kept: set[str]) -> None:
    body: Json = {"model": "m", "input": "Hello", "tools": [], "tool_choice": choice, "parallel_tool_calls": True}
    call = ResponsesDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    assert sent(LAB.build(call, PLACE)).keys() & {"tools", "tool_choice", "parallel_tool_calls"} == kept
