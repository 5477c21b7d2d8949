"""The turns of one conversation go to the same credential, whose prompt cache knows what was said before."""

import random
from collections import Counter

import pytest

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind, ProviderError
from tests.dataplane.routing import Routing, alias, chat, lab


def _first(routing: Routing, call: Call, tokens: int) -> str:
    return routing.plan(call, tokens=tokens).targets[0].credential.id


@pytest.mark.parametrize("fields", [{}, {"prompt_cache_key": "k"}, {"conversation": {"id": "conv_1"}}])
def test_all_turns_of_a_long_conversation_go_to_the_same_key_also_in_other_processes(fields: Json) -> None:
    turns: list[Json] = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
    more: list[Json] = [{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "And now?"}]
    tokens = 10 if fields else 1_024
    firsts = set[str]()
    for seed in range(20):
        routing = Routing(alias(lab(5)), random.Random(seed).random)
        firsts.add(_first(routing, chat(messages=turns, **fields), tokens))
        firsts.add(_first(routing, chat(messages=[*turns, *more], **fields), tokens * 2))
    assert len(firsts) == 1


def test_conversations_are_spread_over_the_keys_and_short_prompts_go_anywhere() -> None:
    routing = Routing(alias(lab(5)), random.Random(3).random)
    spread = Counter(_first(routing, chat(content=f"question {n}"), 5_000) for n in range(600))
    assert sorted(spread) == sorted({target.credential.id for target in routing.plan().targets})
    assert min(spread.values()) > 150
    assert len({_first(routing, chat(content="hi"), 1_023) for _ in range(50)}) == 3


def test_a_conversation_whose_key_is_cooled_goes_on_with_another_and_comes_back() -> None:
    routing = Routing(alias(lab(5)))
    call = chat(content="long")
    usual = routing.plan(call, tokens=5_000).targets[0]
    routing.health.failed(usual.path, ProviderError(FailureKind.RATE_LIMITED, "slow down", retry_after=5))
    assert _first(routing, call, 5_000) != usual.credential.id
    routing.clock.advance(60)
    assert _first(routing, call, 5_000) == usual.credential.id
