"""Who answers may make up choices and calls without end: how many are told apart has a limit, and what is remembered is counted."""

import pytest

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.providers.bedrock.declaration import BEDROCK
from tests.providers.bedrock_building import CLAUDE, NOVA, event, in_frames
from tests.providers.calls import chat
from tests.providers.calls import chat as openai_chat
from tests.providers.openai_building import deltas, finishes, frames, pieces, streamed


def test_calls_behind_the_thousandth_are_pieces_of_it() -> None:
    """Each piece looks for its call among all of them."""
    given: list[Json] = [{"index": n, "id": f"c{n}", "function": {"name": "f", "arguments": ""}} for n in range(1_002)]
    found = pieces(streamed(deltas(*({"tool_calls": [call]} for call in given))), "tool_calls")
    assert [call["index"] for calls in found for call in calls] == [*range(1_000), 999, 999]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(("index", "ends"), [(65_535, True), (65_536, False), (-1, False)])
def test_a_choice_that_nobody_asked_for_ends_nothing(index: int, *, ends: bool, native: bool) -> None:
    said: Json = {"choices": [{"index": index, "delta": {"content": "x"}}]}
    ended: Json = {"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}
    assert finishes(streamed(frames(said, ended, done=False), native=native)) == ["stop"] * ends
    assert finishes(streamed(frames(said), native=native)) == ["stop"] * (ends and not native)


@pytest.mark.parametrize(("index", "waits"), [(65_535, True), (65_536, False), (-1, False)])
def test_nobody_waits_for_the_end_of_a_choice_that_nobody_asked_for(index: int, *, waits: bool) -> None:
    said: Json = {"choices": [{"index": index, "delta": {"content": "x"}}]}
    ended: Json = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}
    steps = streamed(frames(said, ended), call=openai_chat({"n": 2}), native=True)
    assert finishes(steps) == ["stop"] * (not waits)


def test_what_amazons_readers_remember_is_counted() -> None:
    started = event("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "x" * 1_000}}})
    converse = BEDROCK.language(NOVA).decoder(chat({}), native=False)
    converse.feed(started * 2)
    assert converse.kept > 2_000
    said: list[Json] = [{"type": "content_block_start", "index": 0, "content_block": {"type": "x", "x": "x" * 1_000}}]
    kept: list[int] = []
    for dialect in (Dialect.ANTHROPIC, Dialect.OPENAI):
        claude = BEDROCK.language(CLAUDE).decoder(chat({}, dialect), native=dialect is Dialect.ANTHROPIC)
        claude.feed(in_frames(said * 2))
        kept.append(claude.kept)
    assert kept[0] == 0
    assert kept[1] > 2_000
