"""Floor 4: opens the stores of counts and of cached answers: in Redis where one is set, else in this process."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from llmgateway.contract.channels import SourceUnavailable
from llmgateway.errors import ConfigurationError
from llmgateway.gateway_file import CacheEntry, GatewayFile
from llmgateway.kit.cache_store import CacheStore, MemoryCache
from llmgateway.kit.clock import Clock
from llmgateway.kit.memory_store import MemoryStore
from llmgateway.kit.redis_cache import RedisCache
from llmgateway.kit.redis_server import StoreDown
from llmgateway.kit.redis_store import RedisStore
from llmgateway.kit.resilient_store import ResilientStore
from llmgateway.kit.store import Store
from llmgateway.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenStore:
    """The store of counts, and its probe; None for one in this process, which cannot be away."""

    store: Store
    probe: Callable[[], Awaitable[None]] | None


def redis_url(settings: Settings) -> str | None:
    """REDIS_URL, or made of REDIS_HOST and REDIS_PORT."""
    if settings.redis_url is not None:
        return settings.redis_url
    return f"redis://{settings.redis_host}:{settings.redis_port}/0" if settings.redis_host else None


@asynccontextmanager
async def open_store(
    settings: Settings,
    clock: Clock,
    noted: Callable[[bool], None] = lambda _: None,
    lost: Callable[[], None] = lambda: None,
) -> AsyncGenerator[OpenStore]:
    """Open it, and close it at the end.

    `noted` hears of each admission whether Redis gave it (True) or, while it was away, this process; `lost` hears that Redis
    has lost its counts. Raises ConfigurationError for a URL that is none, and for a server that throws counts away when its memory is full.
    """
    url = redis_url(settings)
    if url is None:
        if settings.production:
            log.warning("without REDIS_URL limits and budgets count in each process alone")
        yield OpenStore(MemoryStore(clock), None)
        return
    try:
        shared = RedisStore(url, seconds=settings.redis_deadline_ms / 1000, lost=lost)
    except ValueError as error:
        raise ConfigurationError("REDIS_URL is no URL. Write redis://HOST:6379/0, rediss:// or unix://PATH.") from error
    await _check(shared)
    store = ResilientStore(shared, clock, noted)

    async def probe() -> None:
        try:
            await store.probe()
        except StoreDown as error:
            raise SourceUnavailable(str(error)) from error

    try:
        yield OpenStore(store, probe)
    finally:
        await store.close()


@asynccontextmanager
async def open_answers(
    settings: Settings, file: GatewayFile, clock: Clock, secret: bytes
) -> AsyncGenerator[CacheStore]:
    """The store of cached answers, as large as gateway.yaml allows. In Redis its values are sealed by the secret."""
    url, largest = redis_url(settings), (file.cache or CacheEntry(ttl=1)).max_bytes
    if url is None:
        yield MemoryCache(clock, largest)
        return
    seconds = settings.redis_deadline_ms / 1000
    shared = RedisCache(url, clock, seconds=seconds, max_bytes=largest, secret=secret)
    try:
        yield shared
    finally:
        await shared.close()


async def _check(shared: RedisStore) -> None:
    """What the server tells of itself; one that cannot be reached yet is waited for while serving."""
    facts = await shared.facts()
    policy = facts.get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        await shared.close()
        raise ConfigurationError(
            f"Redis evicts keys when its memory is full (maxmemory-policy {policy}): counts of money would be lost. "
            "Set maxmemory-policy to noeviction."
        )
    if facts.get("appendonly") == "no":
        log.warning("Redis keeps no append-only file: after its restart all counts are read from the database anew")
    if not facts:
        log.warning("Redis does not tell its settings; see that it evicts nothing and keeps an append-only file")
