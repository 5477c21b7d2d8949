"""Which calls are the same question."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.call import Operation, Wishes
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.dataplane.lookup.fingerprint import fingerprint

ORG = OrgSnapshot(id="org_1", slug="one", plan="free")
KEY = KeySnapshot(id="key_1", name="k", org=ORG)
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5}


def _mark(body: dict[str, Any], key: KeySnapshot = KEY, **wishes: Any) -> bytes:
    call = OpenAIDialect().read(Operation.CHAT, msgspec.json.encode(body), Wishes(**wishes))
    return fingerprint(b"secret", key, call)


@pytest.mark.parametrize(
    "change",
    [
        {"stream": True},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"user": "somebody"},
        {"metadata": {"a": "b"}},
        {"store": False},
        {"seed": None},
    ],
)
def test_what_changes_no_answer_changes_no_mark(change: dict[str, Any]) -> None:
    assert _mark({**BODY, **change}) == _mark(BODY)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"temperature": 0.6},
        {"seed": 1},
        {"max_tokens": 5},
        {"messages": [{"role": "user", "content": "Hi "}]},
        {"messages": [{"role": "system", "content": "Hi"}]},
        {"response_format": {"type": "json_object"}},
        {"something_new": 1},
    ],
)
def test_what_changes_an_answer_changes_the_mark(change: dict[str, Any]) -> None:
    assert _mark({**BODY, **change}) != _mark(BODY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"max_tokens": 5}, {"max_completion_tokens": 5}),
        ({"something_new": 1e300}, {"something_new": 1e300}),
    ],
)
def test_the_same_said_in_another_way_is_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert _mark({**BODY, **one}) == _mark({**BODY, **other})


def test_the_order_of_fields_does_not_matter() -> None:
    assert _mark(dict(reversed(BODY.items()))) == _mark(BODY)


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_organisations_never_share_a_mark(one: str, other: str) -> None:
    mine = msgspec.structs.replace(KEY, org=msgspec.structs.replace(ORG, id=one))
    theirs = msgspec.structs.replace(KEY, org=msgspec.structs.replace(ORG, id=other))
    assert (_mark(BODY, mine) == _mark(BODY, theirs)) == (one == other)


def test_keys_of_one_organisation_share_unless_they_may_use_other_models() -> None:
    colleague = msgspec.structs.replace(KEY, id="key_2", name="other")
    assert _mark(BODY, colleague) == _mark(BODY)
    assert _mark(BODY, msgspec.structs.replace(colleague, models=frozenset({"m"}))) != _mark(BODY)


CLAUDE: dict[str, Any] = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}


def _message_mark(body: dict[str, Any]) -> bytes:
    return fingerprint(b"secret", KEY, AnthropicDialect().read(Operation.CHAT, msgspec.json.encode(body), Wishes()))


def _response_mark(**more: Any) -> bytes:
    body = msgspec.json.encode({"model": "m", "input": "Hi", "max_output_tokens": 5, **more})
    return fingerprint(b"secret", KEY, ResponsesDialect().read(Operation.CHAT, body, Wishes()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"output_config": {"effort": "max"}}, {"output_config": {"effort": "xhigh"}}),
        ({"output_config": {"effort": "low", "task_budget": 1}}, {"output_config": {"effort": "low"}}),
        ({"container": "a"}, {"container": "b"}),
        ({"top_k": 1}, {"top_k": 2}),
    ],
)
def test_what_only_an_anthropic_host_understands_counts(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert _message_mark({**CLAUDE, **one}) != _message_mark({**CLAUDE, **other})


@pytest.mark.parametrize(
    "change",
    [
        {"reasoning": {"summary": "auto"}},
        {"include": ["reasoning.encrypted_content"]},
        {"something_new": 1},
        {"input": [{"type": "reasoning", "encrypted_content": "theirs"}, {"role": "user", "content": "Hi"}]},
    ],
)
def test_what_only_a_responses_host_understands_counts(change: dict[str, Any]) -> None:
    assert _response_mark(**change) != _response_mark()


def test_plain_questions_are_shared_between_dialects() -> None:
    assert _message_mark(CLAUDE) == _mark(CLAUDE)
    assert _message_mark({**CLAUDE, "stream": True, "metadata": {"user_id": "u"}}) == _message_mark(CLAUDE)
    assert _response_mark(metadata={"a": "b"}, store=False) == _response_mark() == _message_mark(CLAUDE)
