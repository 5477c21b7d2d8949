"""A last message of the assistant at hosts of OpenAI's wire: how they are asked to continue it, and what the caller gets."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Call, Dialect
from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest
from llmgateway.providers.hosts.deepseek import DEEPSEEK
from llmgateway.providers.hosts.mistral import MISTRAL
from llmgateway.providers.hosts.moonshot import MOONSHOT
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.hosts.qwen import QWEN
from llmgateway.providers.openai_compatible import OpenAICompatible
from llmgateway.providers.openai_wire.prefill import Repetition
from tests.providers.calls import HELLO, chat, sent
from tests.providers.openai_building import LAB, PLACE, deltas, frames, pieces, reply
from tests.providers.streams import decoded

ASSISTANT: Json = {"role": "assistant", "content": "1, 2,"}
CALLED: Json = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def begun(last: Json = ASSISTANT, dialect: Dialect = Dialect.ANTHROPIC, **more: Any) -> Call:
    return chat({"messages": [HELLO, last], **more}, dialect)


@pytest.mark.parametrize(
    ("host", "dialect", "field"),
    [
        (MISTRAL, Dialect.ANTHROPIC, "prefix"),
        (MISTRAL, Dialect.OPENAI, "prefix"),
        (QWEN, Dialect.ANTHROPIC, "partial"),
        (MOONSHOT, Dialect.ANTHROPIC, "partial"),
    ],
)
def test_a_host_is_asked_to_continue_a_message_in_its_own_words(
    host: OpenAICompatible, dialect: Dialect, field: str
) -> None:
    assert sent(host.build(begun(dialect=dialect), PLACE))["messages"] == [HELLO, {**ASSISTANT, field: True}]


@pytest.mark.parametrize(
    ("host", "last", "dialect"),
    [
        (QWEN, ASSISTANT, Dialect.OPENAI),
        (LAB, ASSISTANT, Dialect.ANTHROPIC),
        (MISTRAL, {"role": "assistant", "content": "", "tool_calls": [CALLED]}, Dialect.OPENAI),
        (MISTRAL, {**ASSISTANT, "prefix": False}, Dialect.OPENAI),
        (MISTRAL, HELLO, Dialect.ANTHROPIC),
    ],
)
def test_other_messages_go_as_they_came(host: OpenAICompatible, last: Json, dialect: Dialect) -> None:
    assert sent(host.build(begun(last, dialect), PLACE))["messages"][-1] == last


def test_deepseek_continues_a_message_at_its_beta_address_alone() -> None:
    beta = replace(PLACE, base_url="https://api.deepseek.com/beta")
    assert sent(DEEPSEEK.build(begun(), beta))["messages"][-1] == {**ASSISTANT, "prefix": True}
    with pytest.raises(BadRequest, match="ends in /beta") as refused:
        DEEPSEEK.build(begun(), PLACE)
    assert refused.value.param == "messages.1"
    assert sent(DEEPSEEK.build(begun(dialect=Dialect.OPENAI), PLACE))["messages"][-1] == ASSISTANT


def test_a_host_that_answers_anew_is_asked_after_others() -> None:
    assert OPENAI.doubts(begun(), "gpt-4.1") == ("messages.1",)
    assert not OPENAI.doubts(begun(dialect=Dialect.OPENAI), "gpt-4.1")
    assert not OPENAI.doubts(chat(dialect=Dialect.ANTHROPIC), "gpt-4.1")
    assert not MISTRAL.doubts(begun(), "mistral-small-latest")


def whole(text: str | None, call: Call, host: OpenAICompatible = MISTRAL) -> object:
    choice: Json = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return host.read(call, reply({"choices": [choice]})).body["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("prefill", "said", "wanted"),
    [
        ("1, 2,", "1, 2, 3", " 3"),
        ("1, 2, ", "1, 2, 3", "3"),
        ("1, 2,  \n", "1, 2, 3", "3"),
        ("1, 2,", "1, 2,", ""),
        ("1, 2,", "1, 2 or 3", "1, 2 or 3"),
        ("1, 2,", "1,", "1,"),
        ("1, 2,", None, None),
    ],
)
def test_an_answer_begins_behind_what_the_caller_sent(prefill: str, said: str | None, wanted: str | None) -> None:
    for content in (prefill, [{"type": "text", "text": prefill}]):
        call = begun({"role": "assistant", "content": content})
        assert whole(said, call) == wanted
        if said is None:
            continue
        for seed in range(20):
            decoder = MISTRAL.decoder(call, native=False)
            steps = decoded(decoder, deltas(*({"content": sign} for sign in said)), seed)
            assert "".join(pieces(steps, "content")) == wanted
            assert "".join(step.text for step in steps) == wanted
            assert [step.finish for step in steps if step.finish] == ["stop"]


def test_a_repeated_beginning_is_no_content_that_anybody_waits_for() -> None:
    steps = decoded(
        MISTRAL.decoder(begun(), native=False), deltas({"role": "assistant", "content": "1, 2,"}, {"content": " 3"})
    )
    assert [step.content for step in steps] == [False, True, False, False]


def test_each_choice_repeats_it() -> None:
    chunks: list[Json] = [
        {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": None}]}
        for text in ("1, 2,", " 3")
        for index in (0, 1)
    ]
    steps = decoded(MISTRAL.decoder(begun(n=2), native=False), frames(*chunks))
    assert pieces(steps, "content") == ["", "", " 3", " 3"]


def test_who_wrote_the_hosts_own_field_gets_the_hosts_own_answer() -> None:
    assert whole("1, 2, 3", begun({**ASSISTANT, "prefix": True}, Dialect.OPENAI)) == "1, 2, 3"


def test_an_answer_that_only_begins_alike_is_whole() -> None:
    assert whole("1, 2, 3", begun(), QWEN) == "1, 2, 3"
    assert whole("1, 2, 3", begun(HELLO)) == "1, 2, 3"


def test_a_text_that_ended_is_not_held_back_twice() -> None:
    repetition = Repetition("ab")
    assert (repetition.rest("a"), repetition.end(), repetition.end(), repetition.rest("b")) == ("", "a", "", "b")


def test_what_is_no_repetition_waits_no_longer_than_that_is_known() -> None:
    repetition = Repetition("1, 2,")
    assert [repetition.rest(piece) for piece in ("1", ", 3", ", 4")] == ["", "1, 3", ", 4"]
