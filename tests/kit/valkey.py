"""What tests of stores in a Valkey share."""

from typing import Any

from llmgateway.kit.redis_store import RedisStore

SECONDS = 5.0
"""Generous: what is tried here is not speed."""


def redis_of(store: RedisStore) -> Any:
    """The client's own object, to look behind the store."""
    return store._server.client
