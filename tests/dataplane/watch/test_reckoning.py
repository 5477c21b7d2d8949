"""What is charged: the provider's figures where they can be, else those counted here."""

import pytest

from llmgateway.canon.usage import MOST_TOKENS, Round, Usage, UsageSource
from llmgateway.dataplane.watch.reckoning import reckon


def _reckon(told: Usage | None, *, whole: bool = True) -> tuple[Usage, UsageSource]:
    """Of a request with 7 tokens of prompt and 5 of answer, as counted here."""
    return reckon(told, Usage(prompt_tokens=7), lambda: 5, whole=whole)


COUNTED = (Usage(prompt_tokens=7, completion_tokens=5), UsageSource.COUNTED)


def test_the_providers_figures_are_taken_and_their_absence_is_counted() -> None:
    told = Usage(prompt_tokens=100, completion_tokens=10, cached_tokens=50)
    assert _reckon(told) == (told, UsageSource.PROVIDER)
    assert _reckon(None) == COUNTED


def test_figures_that_came_too_early_are_made_up_for() -> None:
    early = Usage(prompt_tokens=100, completion_tokens=1, reasoning_tokens=1)
    assert _reckon(early, whole=False) == (Usage(prompt_tokens=100, completion_tokens=5), UsageSource.COUNTED)
    later = Usage(prompt_tokens=100, completion_tokens=6)
    assert _reckon(later, whole=False) == (later, UsageSource.PROVIDER)


@pytest.mark.parametrize("absurd", [-1, MOST_TOKENS + 1, 10**19, int(1e300)])
def test_figures_that_no_model_reaches_never_came(absurd: int) -> None:
    assert _reckon(Usage(prompt_tokens=absurd, completion_tokens=1)) == COUNTED
    assert _reckon(Usage(prompt_tokens=1, completion_tokens=absurd)) == COUNTED
    assert _reckon(Usage(prompt_tokens=1, cached_tokens=absurd)) == COUNTED
    assert _reckon(Usage(prompt_tokens=1, searches=absurd)) == COUNTED


def test_the_most_that_is_believed() -> None:
    most = Usage(prompt_tokens=MOST_TOKENS, completion_tokens=MOST_TOKENS)
    assert _reckon(most) == (most, UsageSource.PROVIDER)


def test_no_part_is_more_than_its_whole() -> None:
    told = Usage(
        prompt_tokens=100,
        completion_tokens=10,
        cached_tokens=60,
        cache_write_tokens=1000,
        cache_write_1h_tokens=500,
        audio_prompt_tokens=900,
        image_prompt_tokens=1,
        reasoning_tokens=1000,
        audio_completion_tokens=1,
        image_completion_tokens=1,
        searches=3,
    )
    bounded = Usage(
        prompt_tokens=100,
        completion_tokens=10,
        cached_tokens=60,
        cache_write_tokens=40,
        cache_write_1h_tokens=40,
        audio_prompt_tokens=100,
        reasoning_tokens=10,
        searches=3,
    )
    assert _reckon(told) == (bounded, UsageSource.PROVIDER)
    assert _reckon(bounded) == (bounded, UsageSource.PROVIDER)


def test_the_half_that_was_left_out_is_counted() -> None:
    prompt_alone = Usage(prompt_tokens=100, cached_tokens=50, completion_told=False)
    assert _reckon(prompt_alone) == (
        Usage(prompt_tokens=100, completion_tokens=5, cached_tokens=50),
        UsageSource.COUNTED,
    )
    completion_alone = Usage(completion_tokens=500, prompt_told=False)
    assert _reckon(completion_alone) == (Usage(prompt_tokens=7, completion_tokens=500), UsageSource.COUNTED)


def test_zero_that_was_told_is_zero_and_where_there_is_no_text_nothing_was_left_out() -> None:
    silent = Usage(prompt_tokens=100)
    assert _reckon(silent) == (silent, UsageSource.PROVIDER)
    vectors = Usage(prompt_tokens=100, completion_told=False)
    assert reckon(vectors, Usage(prompt_tokens=7), lambda: 0, whole=True) == (
        Usage(prompt_tokens=100),
        UsageSource.PROVIDER,
    )


def test_a_bill_that_came_before_the_end_is_none() -> None:
    early = Usage(prompt_tokens=5, completion_tokens=1, told_nanos=7)
    assert reckon(early, Usage(prompt_tokens=5), lambda: 9, whole=True)[0].told_nanos == 7
    found, source = reckon(early, Usage(prompt_tokens=5), lambda: 9, whole=False)
    assert (found.told_nanos, found.completion_tokens, source) == (None, 9, UsageSource.COUNTED)


def test_no_round_is_less_than_nothing() -> None:
    rounds = (Round(None, Usage(prompt_tokens=-5)), Round(None, Usage(prompt_tokens=10)))
    assert not Usage(prompt_tokens=5, rounds=rounds).credible
