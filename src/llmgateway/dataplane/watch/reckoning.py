"""From what a provider told of its tokens, and what was seen here, to the figures that are charged."""

from collections.abc import Callable

import msgspec

from llmgateway.canon.usage import Usage, UsageSource


def reckon(
    told: Usage | None, expected: Usage, seen: Callable[[], int], *, whole: bool
) -> tuple[Usage, UsageSource]:  # fmt: skip
    """The provider's figures; those counted here where they never came, came too early, in part or cannot be.

    `expected` is the prompt as counted here, on the terms that were wished; `seen` counts the tokens of the answer's text; `whole`: the answer came to its end, and so did its figures.
    """
    if told is None or not told.credible:
        return msgspec.structs.replace(expected, completion_tokens=seen()), UsageSource.COUNTED
    told = told.coherent()
    if whole and told.prompt_told and told.completion_told:
        return told, UsageSource.PROVIDER
    text_tokens = seen()
    if not whole and told.completion_tokens < text_tokens:
        told = msgspec.structs.replace(
            told,
            completion_told=False,
            reasoning_tokens=0,
            audio_completion_tokens=0,
            image_completion_tokens=0,
            billed_completion_tokens=None,
            told_nanos=None,
        )
    full = told.supplemented(expected.prompt_tokens, text_tokens)
    # Where there is no text, as with embeddings, nothing was left out.
    return full, UsageSource.PROVIDER if full.total_tokens == told.total_tokens else UsageSource.COUNTED
