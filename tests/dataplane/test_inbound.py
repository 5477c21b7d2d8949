"""What came more than once: lists are one list, a key is one key, and of all else the last counts."""

import pytest

from llmgateway.canon.call import Call, Operation
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.inbound import Inbound, credential, header_map, read_wishes
from llmgateway.errors import BadRequest, Unauthorized

Lines = list[tuple[bytes, bytes]]


def test_repeated_lists_are_one_list() -> None:
    lines: Lines = [
        (b"anthropic-beta", b"context-1m-2025-08-07"),
        (b"cache-control", b"no-cache"),
        (b"x-tag", b"a"),
        (b"anthropic-beta", b"interleaved-thinking-2025-05-14, files-api-2025-04-14"),
        (b"cache-control", b"no-store"),
        (b"openai-beta", b"a"),
        (b"openai-beta", b"b"),
        (b"x-tag", b"b"),
    ]
    headers = header_map(lines)
    wishes = read_wishes(headers)
    assert wishes.forward == {
        "anthropic-beta": "context-1m-2025-08-07, interleaved-thinking-2025-05-14, files-api-2025-04-14",
        "openai-beta": "a, b",
    }
    assert (wishes.cache_read, wishes.cache_write) == (False, False)
    assert headers["x-tag"] == "b"


@pytest.mark.parametrize(
    "lines",
    [
        [(b"authorization", b"Bearer k")],
        [(b"authorization", b"Bearer k"), (b"authorization", b"Bearer k")],
        [(b"authorization", b"bearer k"), (b"x-api-key", b"k")],
        [(b"authorization", b"Basic abc"), (b"x-api-key", b" k ")],
        [(b"authorization", b"Basic abc"), (b"authorization", b"Bearer k")],
    ],
)
def test_one_key_is_taken_wherever_it_stands(lines: Lines) -> None:
    assert credential(header_map(lines)) == "k"


@pytest.mark.parametrize(
    "lines",
    [
        [(b"authorization", b"Bearer k"), (b"authorization", b"Bearer l")],
        [(b"authorization", b"Bearer k"), (b"x-api-key", b"l")],
        [(b"x-api-key", b"k"), (b"x-api-key", b"l")],
    ],
)
def test_two_different_keys_are_one_too_many(lines: Lines) -> None:
    with pytest.raises(Unauthorized, match="two different keys"):
        credential(header_map(lines))


@pytest.mark.parametrize(
    "lines",
    [
        [(b"authorization", b"Bearer lgw_live_k"), (b"x-api-key", b"sk-ant-other")],
        [(b"authorization", b"Bearer sk-other"), (b"x-api-key", b"lgw_live_k")],
        [(b"authorization", b"Bearer sk-a"), (b"authorization", b"Bearer lgw_live_k"), (b"x-api-key", b"sk-b")],
    ],
)
def test_of_a_providers_key_and_ours_ours_is_meant(lines: Lines) -> None:
    assert credential(header_map(lines)) == "lgw_live_k"


@pytest.mark.parametrize("lines", [[], [(b"authorization", b"Bearer ")], [(b"x-api-key", b"")]])
def test_no_key_is_none(lines: Lines) -> None:
    assert credential(header_map(lines)) is None


def asked(name: str) -> Call:
    body = b'{"model": "%b", "messages": [{"role": "user", "content": "hi"}]}' % name.encode()
    dialect = OpenAIDialect()
    inbound = Inbound(
        operation=Operation.CHAT, dialect=dialect, secret=None, address="192.0.2.1", headers={}, body=body
    )
    return inbound.read(inbound.unpacked())


@pytest.mark.parametrize("key", ["lgw_live_0123456789abcdef", "lgw_test_0123456789abcdef"])
def test_a_key_in_the_models_place_is_refused_before_anything_keeps_it(key: str) -> None:
    """Else everybody of the organisation would read it beside the request."""
    with pytest.raises(BadRequest, match="`model`: is an API key") as refused:
        asked(key)
    assert key not in refused.value.message


def test_a_name_longer_than_any_models_is_refused_before_anything_keeps_it() -> None:
    assert asked("m" * 256).model == "m" * 256
    with pytest.raises(BadRequest, match="longer than 256 characters") as refused:
        asked("m" * 257)
    assert refused.value.param == "model"
    assert len(refused.value.message) < 200
