"""Which calls are the same question."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.call import Operation, Wishes
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.fingerprint import fingerprint

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
