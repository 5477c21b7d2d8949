"""Which calls are the same question: everything that can change an answer, and the tenant, under a keyed hash."""

import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from llmgateway.canon.call import Call, Dialect
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.contract.snapshot import KeySnapshot

_CHANGES_NOTHING: Final = frozenset(
    {
        "model", "stream", "stream_options", "user", "metadata", "store", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention",
    }
)  # fmt: skip
"""`model` stands apart, as the caller wrote it."""

_EXACT: Final = 1 << 53
"""Up to here a float is a whole number without doubt."""
_VERSION: Final = "anthropic-version"
"""How an API is spoken; it changes no answer to a plain question."""
_PLAIN: Final[Mapping[Dialect, frozenset[str]]] = MappingProxyType(
    {
        Dialect.ANTHROPIC: frozenset(
            {"messages", "system", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences"}
        ),
        Dialect.RESPONSES: frozenset({"input", "instructions", "max_output_tokens", "temperature", "top_p"}),
    }
)
"""Fields that canon holds without loss, when they are plain."""


def fingerprint(secret: bytes, key: KeySnapshot, call: Call) -> bytes:
    """HMAC-SHA-256 over the tenant, what this key may use, and the question. Never equal for two organisations."""
    body = _plainly(call.canon)
    words = _own_words(call)
    headers = sorted(header for header in call.wishes.forward.items() if words is not None or header[0] != _VERSION)
    question = (
        key.org.id,
        None if key.models is None else sorted(key.models),
        None if key.providers is None else sorted(key.providers),
        key.test,
        call.operation,
        call.model,
        call.wishes.drop_unsupported,
        headers,
        body,
        words,
    )
    return hmac.digest(secret, msgspec.json.encode(question, order="sorted"), "sha256")


def _plainly(canon: Json) -> Json:
    """What can change the answer, said in one way: one name for its length, and whole numbers without a point."""
    body = {
        name: int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value
        for name, value in canon.items()
        if name not in _CHANGES_NOTHING and value is not None
    }
    if "max_tokens" in body:
        body.setdefault("max_completion_tokens", body.pop("max_tokens"))
    return body


def _own_words(call: Call) -> tuple[Dialect, Json] | None:
    """The caller's own body where canon may say less than it: a provider that owns the dialect gets every word.

    None for OpenAI's, which is canon, and for plain questions, so that those are shared between the dialects.
    """
    plain = _PLAIN.get(call.dialect)
    if plain is None:
        return None
    words = {name: value for name, value in call.body.items() if name not in _CHANGES_NOTHING and value is not None}
    if words.keys() <= plain and all(_is_plain(words.get(name)) for name in ("messages", "system", "input")):
        return None
    return call.dialect, words


def _is_plain(said: object) -> bool:
    """Text, or turns that hold nothing but text."""
    if is_array(said):
        return all(
            is_object(turn) and turn.keys() == {"role", "content"} and isinstance(turn["content"], str) for turn in said
        )
    return said is None or isinstance(said, str)
