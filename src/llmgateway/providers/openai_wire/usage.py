"""OpenAI's usage object, as OpenAI and its many imitators fill it, read into Usage."""

from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import figure_of, is_object
from llmgateway.canon.usage import Usage

_HALVES: Final = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
"""What hosts call the two; where one is left out, the total tells it."""


def read_usage(body: object, tier: object = None) -> Usage | None:
    """Usage out of a usage object; None when it holds no figures. `tier` is the `service_tier` beside it."""
    if not is_object(body):
        return None
    total = _count(body, "total_tokens")
    told = [total > 0 or any(figure_of(body.get(name)) is not None for name in half) for half in _HALVES]
    prompt, completion = (next(filter(None, (_count(body, name) for name in half)), 0) for half in _HALVES)
    if prompt == completion == total == 0:
        return None
    prompt_details = _part(body, "prompt_tokens_details")
    completion_details = _part(body, "completion_tokens_details")
    reasoning = _count(completion_details, "reasoning_tokens") or _count(body, "reasoning_tokens")
    beside = total - prompt - completion
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
        searches=_count(body, "num_search_queries"),
        tier=tier if isinstance(tier, str) else None,
        prompt_told=told[0],
        completion_told=told[1],
    )


def _part(body: Json, name: str) -> Json:
    part = body.get(name)
    return part if is_object(part) else {}


def _count(body: Json, name: str) -> int:
    return figure_of(body.get(name)) or 0
