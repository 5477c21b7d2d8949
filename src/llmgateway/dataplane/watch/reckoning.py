"""Decides which token counts are charged: those that the provider reported, or those counted here."""

from collections.abc import Callable

import msgspec

from llmgateway.canon.usage import Usage, UsageSource


def reckon(
    told: Usage | None, expected: Usage, seen: Callable[[], int], *, whole: bool
) -> tuple[Usage, UsageSource]:  # fmt: skip
    """The usage that the provider reported; what it did not report, or not to the end, or cannot be true, is counted here.

    `expected` is the prompt as counted here, with the terms that were asked for. `seen` counts the tokens of the answer's text.
    `whole` says that the answer came to its end, and its usage with it.
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
