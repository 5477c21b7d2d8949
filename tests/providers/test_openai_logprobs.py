"""Odds of tokens at hosts with the older form of them."""

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.providers.hosts.together import TOGETHER
from llmgateway.providers.openai_wire.logprobs import read_old_form
from tests.providers.calls import chat, sent
from tests.providers.openai_building import LAB, PLACE, answered, deltas, frames, streamed


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"logprobs": True, "top_logprobs": 3}, 3),
        ({"logprobs": True}, 1),
        ({"logprobs": True, "top_logprobs": 0}, 1),
        ({"logprobs": False}, False),
    ],
)
def test_together_is_asked_for_a_number(asked: Json, wanted: object) -> None:
    body = sent(TOGETHER.build(chat(asked), PLACE))
    assert (body["logprobs"], "top_logprobs" in body) == (wanted, False)
    assert sent(LAB.build(chat(asked), PLACE)).items() >= asked.items()


OLD: Json = {"tokens": ["Hi", "!"], "token_logprobs": [-0.5, None], "top_logprobs": [{"Hi": -0.5, "Yo": -1.5}]}


def test_lists_of_tokens_become_chats_own() -> None:
    choice: Json = {"message": {"content": "Hi!"}, "finish_reason": "stop", "logprobs": OLD}
    body = answered(choice, host=TOGETHER)
    first, second = body["choices"][0]["logprobs"]["content"]
    assert (first["token"], first["logprob"], first["bytes"]) == ("Hi", -0.5, [72, 105])
    assert [(other["token"], other["logprob"]) for other in first["top_logprobs"]] == [("Hi", -0.5), ("Yo", -1.5)]
    assert (second["token"], second["logprob"], second["top_logprobs"]) == ("!", 0.0, [])


def test_the_odds_of_a_chunk_are_those_of_its_text() -> None:
    chunk: Json = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None, "logprobs": -0.25}]}
    steps = streamed(frames(chunk, done=False) + deltas())
    told = msgspec.to_builtins(steps[0].chunk)["choices"][0]["logprobs"]
    assert [(token["token"], token["logprob"]) for token in told["content"]] == [("Hi", -0.25)]


@pytest.mark.parametrize("given", [None, {"content": []}, {"content": None}, "x", True, {"tokens": "x"}])
def test_what_is_in_form_or_unknown_stays(given: object) -> None:
    assert read_old_form(given, "Hi") == given
