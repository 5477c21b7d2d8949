"""Which conversation a call goes on with: its turns belong to one credential, whose prompt cache knows what was said before."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json

_CACHED_FROM: Final = 1_024
"""Tokens: shorter prompts are in no provider's cache (https://developers.openai.com/api/docs/guides/prompt-caching)."""
_NAMES: Final = ("conversation", "prompt_cache_key")
"""Fields by which a caller says it."""


def thread_of(call: Call, prompt_tokens: int) -> bytes | None:
    """What all turns of a conversation have in common; None where it does not matter who is asked."""
    said = next((value for name in _NAMES if (value := call.body.get(name))), None)
    if said is None and prompt_tokens < _CACHED_FROM:
        return None
    begin = list(_begin(call.canon.get("messages") or ())) if said is None else said
    return blake2b(msgspec.json.encode(begin), digest_size=16).digest() if begin else None


def place_of(thread: bytes, name: str) -> bytes:
    """Sorts by chance, and every time alike: who leaves takes only its own conversations along."""
    return blake2b(name.encode(), key=thread, digest_size=8).digest()


def _begin(messages: Sequence[Json]) -> Iterator[object]:
    """What is said up to the first word of the user."""
    for message in messages:
        yield message.get("content")
        if message.get("role") == "user":
            return
