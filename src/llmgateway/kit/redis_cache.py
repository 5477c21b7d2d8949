"""A CacheStore in Redis or Valkey, shared by all processes. Values are sealed: who reads the server learns nothing of them.

A cache may forget and must not hinder: whatever Redis does not answer in time is not there, and for a second it is left alone.
"""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any, Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import json
from redis.exceptions import RedisError

from llmgateway.kit import redis_wire
from llmgateway.kit.cache_store import OVERHEAD
from llmgateway.kit.clock import Clock

_SKIP_SECONDS: Final = 1.0
_PURGE_SECONDS: Final = 5.0
_AT_ONCE: Final = 500
_NONCE: Final = 12
_Answer = TypeVar("_Answer")


class RedisCache:
    """See CacheStore. Bounded by bytes over all processes; the least recently used goes first."""

    def __init__(
        self, url: str, clock: Clock, *, seconds: float, max_bytes: int, secret: bytes, prefix: str = "lgw:{cache}:"
    ) -> None:
        """`seconds` is the deadline of a call; the secret seals, and is the same in all processes."""
        patience = max(seconds * 4, 0.2)
        self._redis: Any = redis_wire.connect(url, connect_seconds=patience, socket_timeout=patience)
        self._clock = clock
        self._seconds = seconds
        self._max = max_bytes
        self._prefix = prefix
        self._seal = AESGCM(hashlib.sha256(b"cached answers\0" + secret).digest())
        self._skip_until = 0.0
        self._put: Any = self._redis.register_script(_source("put"))
        self._purge: Any = self._redis.register_script(_source("purge"))

    async def get(self, key: bytes) -> bytes | None:
        name = key.hex()

        async def read() -> bytes | None:
            pipe = self._redis.pipeline(transaction=False)
            pipe.get(f"{self._prefix}entry:{name}")
            pipe.zscore(f"{self._prefix}ends", name)
            pipe.zadd(f"{self._prefix}used", {name: self._millis()}, xx=True)
            value, ends, _ = await pipe.execute()
            return None if ends is None or ends <= self._millis() else value

        sealed = await self._asked(read, None)
        if sealed is None:
            return None
        try:
            return self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], key)
        except (InvalidTag, ValueError):  # not sealed by us, or not for this question
            return None

    async def put(self, key: bytes, value: bytes, seconds: float, labels: frozenset[str]) -> None:
        size, name = len(value) + OVERHEAD, key.hex()
        if size > self._max:
            return
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._seal.encrypt(nonce, value, key)
        given = (self._prefix, name, sealed, max(1, int(seconds * 1000)), size, self._max, self._millis())

        async def write() -> None:
            await self._put(keys=[f"{self._prefix}entry:{name}"], args=[*given, *sorted(labels)])

        await self._asked(write, None)

    async def purge(self, labels: frozenset[str]) -> int:
        """In pieces, so that nobody waits long; and until it is done, however long Redis is away."""
        purged = 0
        while True:
            try:
                async with asyncio.timeout(_PURGE_SECONDS):
                    gone = int(await self._purge(args=[self._prefix, _AT_ONCE, *sorted(labels)]))
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(_SKIP_SECONDS)
                continue
            purged += gone
            if gone < _AT_ONCE:
                return purged

    async def held(self, label: str) -> Sequence[tuple[frozenset[str], int]]:
        """(labels, bytes) of every entry that carries the label; nothing while Redis is away."""

        async def read() -> Sequence[tuple[frozenset[str], int]]:
            found: set[bytes] = await self._redis.smembers(f"{self._prefix}of:{label}")
            names, now = list(found), self._millis()
            if not names:
                return ()
            pipe = self._redis.pipeline(transaction=False)
            pipe.hmget(f"{self._prefix}labels", names)
            pipe.hmget(f"{self._prefix}sizes", names)
            pipe.zmscore(f"{self._prefix}ends", names)
            lines = zip(*await pipe.execute(), strict=True)
            return [
                (frozenset(json.decode(labels, type=list[str])), int(size))
                for labels, size, ends in lines
                if labels is not None and size is not None and ends is not None and ends > now
            ]

        return await self._asked(read, (), patience=20)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _millis(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    async def _asked(self, ask: Callable[[], Awaitable[_Answer]], absent: _Answer, *, patience: float = 1) -> _Answer:
        if self._clock.monotonic() < self._skip_until:
            return absent
        try:
            async with asyncio.timeout(self._seconds * patience):
                return await ask()
        except (RedisError, OSError, TimeoutError):
            self._skip_until = self._clock.monotonic() + _SKIP_SECONDS
            return absent


def _source(name: str) -> str:
    return files("llmgateway.kit").joinpath(f"redis_cache_{name}.lua").read_text("utf-8")
