"""From what a provider told of its tokens, and what was seen here, to the figures that are charged."""

from collections.abc import Callable
from dataclasses import replace

from llmgateway.canon.usage import Usage, UsageSource


def reckon(
    told: Usage | None, prompt_tokens: int, seen: Callable[[], int], *, whole: bool
) -> tuple[Usage, UsageSource]:  # fmt: skip
    """The provider's figures; or, where they never came, came too early or cannot be, those counted here.

    `seen` counts the tokens of the answer's text; `whole`: the answer came to its end, and so did its figures.
    """
    if told is None or not told.credible:
        return Usage(prompt_tokens=prompt_tokens, completion_tokens=seen()), UsageSource.COUNTED
    told = told.coherent()
    if whole or told.completion_tokens >= (text_tokens := seen()):
        return told, UsageSource.PROVIDER
    counted = replace(
        told, completion_tokens=text_tokens, reasoning_tokens=0, audio_completion_tokens=0, image_completion_tokens=0
    )
    return counted, UsageSource.COUNTED
