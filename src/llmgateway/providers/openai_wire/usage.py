"""Reads OpenAI's usage object, as OpenAI and its many imitators fill it.

Page: https://platform.openai.com/docs/api-reference/chat/object (usage).
"""

from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import figure_of, is_object, object_in, word_of
from llmgateway.canon.usage import Usage
from llmgateway.providers.reported_cost import told_nanos

_PROMPT: Final = ("prompt_tokens", "input_tokens")
_COMPLETION: Final = ("completion_tokens", "output_tokens")
"""Names of the two counts; where a host leaves one out, it is worked out from the total."""


def read_usage(body: object, tier: object = None) -> Usage | None:
    """The usage; None when the object holds no counts. `tier` is the `service_tier` of the answer."""
    if not is_object(body):
        return None
    total = _count(body, "total_tokens")
    (prompt, prompt_told), (completion, completion_told) = _half(body, *_PROMPT), _half(body, *_COMPLETION)
    if prompt == completion == total == 0:
        return None
    prompt_details = object_in(body, "prompt_tokens_details")
    completion_details = object_in(body, "completion_tokens_details")
    reasoning = _count(completion_details, "reasoning_tokens") or _count(body, "reasoning_tokens")
    beside = total - prompt - completion
    if prompt and not beside and reasoning > completion:
        completion += reasoning  # Vercel's gateway leaves it out of the total too; within the completion it has no room
    if prompt and beside > 0 and reasoning in (0, beside):
        # xAI counts reasoning beside the completion (https://docs.x.ai/docs/guides/reasoning); Google's compatible
        # surface counts it in the total alone (https://ai.google.dev/gemini-api/docs/openai).
        completion, reasoning = completion + beside, beside
    cached = (
        _count(prompt_details, "cached_tokens")
        or _count(body, "cached_tokens")
        or _count(body, "prompt_cache_hit_tokens")  # DeepSeek: https://api-docs.deepseek.com/guides/kv_cache
    )
    return Usage(
        prompt_tokens=prompt or max(0, total - completion),
        completion_tokens=completion,
        cached_tokens=min(cached, prompt),
        cache_write_tokens=_count(prompt_details, "cache_write_tokens"),
        reasoning_tokens=reasoning,
        audio_prompt_tokens=_count(prompt_details, "audio_tokens"),
        audio_completion_tokens=_count(completion_details, "audio_tokens"),
        image_prompt_tokens=_count(prompt_details, "image_tokens"),
        image_completion_tokens=_count(completion_details, "image_tokens"),
        searches=_count(body, "num_search_queries"),
        told_nanos=told_nanos(body) if "cost" in body or "cost_in_usd_ticks" in body else None,
        tier=word_of(tier),
        prompt_told=prompt_told or total > 0,
        completion_told=completion_told or total > 0,
    )


def _half(body: Json, name: str, other: str) -> tuple[int, bool]:
    """The count under either name, and whether the object has one."""
    figure = figure_of(body.get(name))
    if not figure and other in body:
        told = figure_of(body[other])
        figure = figure if told is None else told
    return figure or 0, figure is not None


def _count(body: Json, name: str) -> int:
    return figure_of(body[name]) or 0 if name in body else 0
