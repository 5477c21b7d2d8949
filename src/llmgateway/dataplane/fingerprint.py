"""Which calls are the same question: everything that can change an answer, and the tenant, under a keyed hash."""

import hmac
from typing import Final

import msgspec

from llmgateway.canon.call import Call
from llmgateway.contract.snapshot import KeySnapshot

_CHANGES_NOTHING: Final = frozenset(
    {
        "model", "stream", "stream_options", "user", "metadata", "store", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention",
    }
)  # fmt: skip
"""`model` stands apart, as the caller wrote it."""


def fingerprint(secret: bytes, key: KeySnapshot, call: Call) -> bytes:
    """HMAC-SHA-256 over the tenant, what this key may use, and the question. Never equal for two organisations."""
    body = {name: value for name, value in call.canon.items() if name not in _CHANGES_NOTHING and value is not None}
    question = (
        key.org.id,
        None if key.models is None else sorted(key.models),
        None if key.providers is None else sorted(key.providers),
        key.test,
        call.operation,
        call.model,
        call.wishes.drop_unsupported,
        sorted(call.wishes.forward.items()),
        body,
    )
    return hmac.digest(secret, msgspec.json.encode(question, order="sorted"), "sha256")
