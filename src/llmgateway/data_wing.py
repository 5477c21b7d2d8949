"""Floor 4: puts the data plane together out of its parts, and the part of the control plane that stores its usage."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Final

from llmgateway.canon.call import Dialect, Operation
from llmgateway.catalog.catalog import load_catalog
from llmgateway.catalog.tokens import Tokenizer
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.dataplane.admit.limits import Limiter
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.dataplane.lookup.cache import ResponseCache
from llmgateway.dataplane.observe.counting import Counting
from llmgateway.dataplane.pages import Pages, Readiness
from llmgateway.dataplane.pipeline import Services
from llmgateway.dataplane.plan.health import Health
from llmgateway.dataplane.routes import DataPlane, Entrance
from llmgateway.dataplane.vitals import Probe, ProcessParts, Vitals
from llmgateway.dataplane.watch.contents import ContentLog
from llmgateway.dataplane.watch.instruments import Instruments
from llmgateway.dataplane.watch.recording import Recorder
from llmgateway.dataplane.watch.request_log import RequestLog
from llmgateway.dataplane.watch.shipping import Shipper
from llmgateway.errors import ConfigurationError
from llmgateway.gateway_file import GatewayFile
from llmgateway.kit.cache_store import CacheStore
from llmgateway.kit.clock import Clock
from llmgateway.kit.journal import Journal
from llmgateway.kit.metrics import Metrics
from llmgateway.settings import Settings
from llmgateway.stores import OpenStore

_SHIPPING_SECONDS = 10.0
"""How long the end of the process waits for the rest of the journal to be shipped."""

ENTRANCES: Final = MappingProxyType(
    {
        "/v1/chat/completions": (Operation.CHAT, Dialect.OPENAI),
        "/v1/completions": (Operation.COMPLETIONS, Dialect.OPENAI),
        "/v1/embeddings": (Operation.EMBEDDINGS, Dialect.OPENAI),
        "/v1/rerank": (Operation.RERANK, Dialect.OPENAI),
        "/v1/responses": (Operation.CHAT, Dialect.RESPONSES),
        "/v1/messages": (Operation.CHAT, Dialect.ANTHROPIC),
        "/v1/messages/count_tokens": (Operation.COUNT_TOKENS, Dialect.ANTHROPIC),
    }
)
"""Path -> operation and dialect. All of them go through the one pipeline, so that all are metered."""
DIALECTS: Final[Mapping[Dialect, DialectWriter]] = MappingProxyType(
    {dialect.id: dialect for dialect in (OpenAIDialect(), AnthropicDialect(), ResponsesDialect())}
)


@dataclass(frozen=True, slots=True)
class Recording:
    """What brings usage to the database: journal, recorder and shipper."""

    journal: Journal
    recorder: Recorder
    shipper: Shipper

    @property
    def lag(self) -> float:
        """How many seconds the database is behind: everything that was counted longer ago is in it."""
        return max(self.shipper.lag, self.recorder.lag)

    async def catch_up(self, seconds: float) -> bool:
        """Wait until everything that was counted before now is in the database. False when that takes longer, or waits for the disk."""
        return self.recorder.healthy and await self.shipper.catch_up(seconds)


def instruments_of(
    settings: Settings, recorder: Recorder, metrics: Metrics, limiter: Limiter, contents: ContentLog
) -> Instruments:
    """What every meter of this process reads and writes."""
    catalog, clock = load_catalog(), limiter.clock
    return Instruments(
        limiter=limiter,
        recorder=recorder,
        catalog=catalog,
        tokenizer=Tokenizer(),
        clock=clock,
        health=Health(clock),
        counting=Counting(metrics, catalog),
        request_log=RequestLog(settings.log_requests),
        contents=contents,
    )


def probes_of(usage: UsageStore, counts: OpenStore) -> Mapping[str, Probe]:
    """The stores by name, each with the probe that asks it for a sign of life."""
    probes: dict[str, Probe] = {"postgresql": usage.probe}
    return probes if counts.probe is None else {**probes, "redis": counts.probe}


def vitals_of(
    metrics: Metrics, recording: Recording, services: Services, readiness: Readiness, stores: Mapping[str, Probe]
) -> Vitals:
    """The metrics of this process's own state."""
    parts = ProcessParts(
        version=version("llmgateway"),
        instruments=services.instruments,
        journal=recording.journal,
        shipper=recording.shipper,
        ready=lambda: not readiness.why_not(),
        stores=stores,
    )
    return Vitals(metrics, parts)


def response_cache(file: GatewayFile, secret: bytes, answers: CacheStore) -> ResponseCache:
    """The response cache over the store of answers."""
    return ResponseCache(answers, secret, file.cache.ttl if file.cache else None)


def data_plane(services: Services, pages: Pages) -> DataPlane:
    """The data plane as an ASGI application."""
    entrances = {path: Entrance(operation, DIALECTS[dialect]) for path, (operation, dialect) in ENTRANCES.items()}
    return DataPlane(services, entrances, pages, DIALECTS[Dialect.OPENAI])


@asynccontextmanager
async def open_recording(folder: Path, usage: UsageStore, clock: Clock) -> AsyncGenerator[Recording]:
    """The journal and its shipper, which is not started yet. At the end what is left on disk and in memory is shipped."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        journal = Journal.open(folder)
    except OSError as error:
        raise ConfigurationError(f"The journal cannot be written in {folder}: {error.strerror or error}.") from error
    with journal:
        recorder = Recorder(journal)
        shipper = Shipper(journal, usage, clock)
        try:
            yield Recording(journal, recorder, shipper)
        finally:
            await shipper.stop(_SHIPPING_SECONDS, recorder.stop())
