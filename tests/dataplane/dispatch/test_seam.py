"""The seam between two answers: nothing is said twice, nothing is left out, and no answer is glued to another one."""

from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.chat import ChatChunk
from llmgateway.dataplane.dispatch.seam import Diverged, Seam, Way
from llmgateway.providers.base import Step

SAID = "Once upon a time there "


def step(text: str, finish: str | None = None) -> Step:
    delta: dict[str, Any] = {"content": text} if text else {}
    chunk = {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return Step(chunk=cast("ChatChunk", chunk), text=text, content=bool(text), finish=finish)


def heard(seam: Seam, *texts: str) -> str:
    """What the caller reads behind what was said, or Diverged."""
    steps = [*(step(text) for text in texts), step("", "stop")]
    passed = [one for part in steps for one in seam.through([part])] + seam.end()
    return "".join(one.text for one in passed)


@pytest.mark.parametrize("way", [Way.REPEATS, Way.EITHER])
@given(rest=st.text(max_size=40), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_who_says_it_anew_is_heard_from_where_the_other_broke_off(way: Way, rest: str, cuts: list[int]) -> None:
    whole = SAID + rest
    edges = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    pieces = [whole[a:b] for a, b in pairwise(edges)]
    assert heard(Seam(SAID, way), *pieces) == rest


@pytest.mark.parametrize("way", [Way.CONTINUES, Way.EITHER])
@pytest.mark.parametrize("rest", ["was a king.", " was a king.", ", he said", "\nwas"])
def test_who_goes_on_is_heard_without_the_space_twice(way: Way, rest: str) -> None:
    assert heard(Seam(SAID, way), rest[:2], rest[2:]) == rest.removeprefix(" ")


@pytest.mark.parametrize("anew", ["Hi! How can I help you today?", "Onc", "**Sure**", "1. First", '"Once" is', "你好"])
def test_another_answer_of_a_host_that_may_not_go_on_is_not_glued_to_the_first(anew: str) -> None:
    if SAID.startswith(anew):
        anew += "e more, then"
    with pytest.raises(Diverged):
        heard(Seam(SAID, Way.EITHER), anew)


@pytest.mark.parametrize("anew", ["Another tale", "Once upon a time", ""])
def test_an_answer_said_anew_that_differs_or_is_shorter_is_none(anew: str) -> None:
    with pytest.raises(Diverged):
        heard(Seam(SAID, Way.REPEATS), anew)
