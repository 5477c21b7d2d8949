"""Floor 4: builds the services, opens what must be open, and mounts the wings."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final, cast

from llmgateway.catalog.catalog import Catalog
from llmgateway.control_wing import Shared, open_control_plane, tariff_of
from llmgateway.controlplane.admin.oversight import Oversight
from llmgateway.controlplane.billing.stripe.access import open_stripe
from llmgateway.controlplane.figures import FIGURES as CONTROL_FIGURES
from llmgateway.controlplane.keys.announcements import KeyAnnouncements
from llmgateway.controlplane.keys.fleet import HealthBook
from llmgateway.controlplane.keys.source import KeySource
from llmgateway.controlplane.onboarding.service import FirstSteps, install, master_keys
from llmgateway.controlplane.reception.counting_door import CountingDoor
from llmgateway.controlplane.reception.door import Door
from llmgateway.controlplane.usage import price_versions
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.dashboard import FOLDER, Dashboard
from llmgateway.data_wing import (
    Recording,
    data_plane,
    instruments_of,
    open_recording,
    probes_of,
    response_cache,
    vitals_of,
)
from llmgateway.dataplane.admit.limits import Limiter
from llmgateway.dataplane.admit.seeding import Seeder
from llmgateway.dataplane.body import LargeBodies
from llmgateway.dataplane.dispatch.dispatcher import Dispatcher
from llmgateway.dataplane.dispatch.retries import Retries
from llmgateway.dataplane.keys import Keys
from llmgateway.dataplane.lookup.cache import HeldAnswers
from llmgateway.dataplane.metrics_page import MetricsPage
from llmgateway.dataplane.observe.bulletin import Bulletin
from llmgateway.dataplane.observe.counting import admissions, losses, unretried
from llmgateway.dataplane.observe.figures import FIGURES
from llmgateway.dataplane.observe.tracing import Tracing
from llmgateway.dataplane.pages import Pages, Readiness
from llmgateway.dataplane.pipeline import Services
from llmgateway.dataplane.plan.forecast import Forecast
from llmgateway.dataplane.plan.health import Health
from llmgateway.dataplane.plan.hosts import Host, build_hosts
from llmgateway.dataplane.plan.router import Router
from llmgateway.dataplane.routes import DataPlane
from llmgateway.dataplane.sandbox.transport import SandboxTransport
from llmgateway.dataplane.watch.contents import ContentLog
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import ConfigurationError
from llmgateway.gateway_file import GatewayFile, load_gateway_file
from llmgateway.kit.asgi import Receive, Scope, Send
from llmgateway.kit.clock import Clock, SystemClock
from llmgateway.kit.http import HttpClient, Transport
from llmgateway.kit.ids import new_id
from llmgateway.kit.log import configure_logs
from llmgateway.kit.metrics import Metrics
from llmgateway.kit.telemetry import open_telemetry
from llmgateway.kit.vault import Vault
from llmgateway.providers.registry import PROVIDERS
from llmgateway.settings import Settings, load_settings, warn_of_misspelt
from llmgateway.stores import OpenStore, open_answers, open_store
from llmgateway.worker import jobs, mailer_of, work

CONTROL_PREFIX: Final = "/api/"
"""Paths that begin so belong to the control plane."""
_DATABASE_SECONDS = 2.0
"""Time limit of the data plane's statements: a database that hangs counts as down."""
_SEED_SECONDS = 1.0
"""How long a counter's seeding waits for this process's journal to reach the database."""


class Part(StrEnum):
    """What a process serves."""

    ALL = "all"
    """Both wings and the jobs."""
    DATA = "data"
    CONTROL = "control"
    """The control plane; its jobs run in `llmgateway worker`."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """One running process: its wings, and what its start made."""

    dataplane: DataPlane
    control: CountingDoor | None
    """None where another process serves the control plane."""
    dashboard: Dashboard | None
    serves_tokens: bool
    readiness: Readiness
    first_steps: FirstSteps | None
    """The first owner, organisation and key, when this start made them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        tokens = path.startswith("/v1/") and self.serves_tokens
        if self.control is not None and not tokens and path.startswith((CONTROL_PREFIX, "/v1/")):
            await self.control(scope, receive, send)
        elif self.dashboard is not None and self.dashboard.serves(scope):
            await self.dashboard(scope, send)
        else:
            await self.dataplane(scope, receive, send)


def read_gateway_file(settings: Settings) -> tuple[GatewayFile, Mapping[str, Host]]:
    """The configured gateway.yaml, or an empty one, and every provider as it and the environment have it.

    Raises ConfigurationError.
    """
    file = load_gateway_file(settings.config, settings.environment) if settings.config else GatewayFile()
    return file, build_hosts(PROVIDERS, file, settings.environment)


@asynccontextmanager
async def open_gateway(settings: Settings, port: int | None = None, part: Part = Part.ALL) -> AsyncGenerator[Gateway]:
    """Open everything that a process needs, and close it in order, so that nothing is lost.

    `port` is the one that the process listens on, where the settings left it open. Raises ConfigurationError.
    """
    clock = SystemClock()
    file, hosts = read_gateway_file(settings)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        admin = await enter(open_database(settings, Role.ADMIN, serving=True))
        pepper, first_steps = await install(admin, clock, settings)
        database = admin.acting_as(Role.DATA, seconds=_DATABASE_SECONDS)
        stack.push_async_callback(database.close)
        usage = UsageStore(database)
        recording = await enter(open_recording(_journal(settings, part), usage, clock))
        transports = await enter(_transports())
        masters = master_keys(settings)
        source = KeySource(database, pepper, clock, tariff_of(settings))
        keys, announcements = await enter(_keys(database, source, clock))
        metrics = Metrics((*FIGURES, *CONTROL_FIGURES), settings.metrics_folder)
        counts = await enter(open_store(settings, clock, admissions(metrics), losses(metrics)))
        limiter = await enter(_limiter(counts, usage, recording, announcements, clock))
        contents, retries = ContentLog(usage, Vault(masters)), Retries(clock, unretried(metrics))
        await enter(_running(contents.ship()))
        instruments = instruments_of(settings, recording.recorder, metrics, limiter, contents)
        await _keep_prices(admin, instruments.catalog, clock)
        answers = await enter(open_answers(settings, file, clock, pepper))
        services = Services(
            keys=keys,
            router=Router(hosts, file, instruments.catalog, instruments.health, clock),
            dispatcher=Dispatcher(transports, clock, instruments.health, Vault(masters), retries),
            instruments=instruments,
            cache=response_cache(file, pepper, answers),
            bodies=LargeBodies(settings.large_bodies_mb * 1024 * 1024),
            tracing=await enter(_tracing(settings)),
            keepalive=file.defaults.keepalive,
        )
        announcements.subscribe_purges(services.cache.forget)
        readiness = Readiness(lambda: recording.recorder.blocked)
        vitals = vitals_of(metrics, recording, services, readiness, probes_of(usage, counts))
        await enter(_running(vitals.watch()))
        await enter(_bulletin(instruments.health, database, clock, part))
        page = MetricsPage(metrics, vitals.look, settings.metrics_token)
        pages = Pages(keys, services.router, instruments.catalog, usage, readiness, page)
        shared = Shared(
            admin=admin,
            pepper=pepper,
            masters=masters,
            store=counts.store,
            clock=clock,
            transports=transports,
            forecast=Forecast(services.router, instruments.catalog, instruments.tokenizer, clock),
            held=HeldAnswers(answers),
            draining=lambda: readiness.draining,
        )
        control = await enter(_control(settings, shared, public_address(settings, port), part))
        door = await enter(_overseen(control, shared, metrics)) if control else None
        dashboard = _dashboard(settings, part)
        yield Gateway(data_plane(services, pages), door, dashboard, part is not Part.CONTROL, readiness, first_steps)


def _dashboard(settings: Settings, part: Part) -> Dashboard | None:
    """The dashboard, in processes that serve the control plane."""
    https = (settings.public_url or "").startswith("https:")
    return None if part is Part.DATA else Dashboard.read(FOLDER, https=https)


async def _keep_prices(admin: Database, catalog: Catalog, clock: Clock) -> None:
    """Store this version's prices, so that what usage events say of it can be read after newer prices came."""
    async with admin.transaction() as tx:
        if catalog.version not in {version for version, _ in await price_versions.kept(tx)}:
            await price_versions.keep(tx, catalog.version, catalog.price_book(), clock.now())


def _journal(settings: Settings, part: Part) -> Path:
    """The root of this process's journal. A control-plane process has one of its own, so that it does not adopt the data plane's."""
    return settings.data_dir / ("journal-control" if part is Part.CONTROL else "journal")


@asynccontextmanager
async def _transports() -> AsyncGenerator[Mapping[str, Transport]]:
    """URL scheme -> transport; `guarded` for addresses that tenants wrote."""
    async with HttpClient() as client, HttpClient(guarded=True) as guarded:
        yield {"http": client, "https": client, "guarded": guarded, "sandbox": SandboxTransport()}


@asynccontextmanager
async def _limiter(
    counts: OpenStore, usage: UsageStore, recording: Recording, announcements: KeyAnnouncements, clock: Clock
) -> AsyncGenerator[Limiter]:
    """The limiter. Shipping begins with it, because it settles the requests that dead processes left in their journals."""
    shipper = recording.shipper
    seeder = Seeder(usage, counts.store, partial(recording.catch_up, _SEED_SECONDS))
    limiter = Limiter(counts.store, clock, seeder)
    announcements.subscribe(limiter.note)
    shipper.settle_by(limiter)
    await shipper.start()
    async with _running(limiter.live(lambda: recording.lag)):
        yield limiter


@asynccontextmanager
async def _bulletin(health: Health, database: Database, clock: Clock, part: Part) -> AsyncGenerator[None]:
    """Report the health of providers, in processes that ask them."""
    if part is Part.CONTROL:
        yield
        return
    async with _running(Bulletin(health, HealthBook(database), new_id("proc", clock.now())).issue()):
        yield


@asynccontextmanager
async def _keys(database: Database, source: KeySource, clock: Clock) -> AsyncGenerator[tuple[Keys, KeyAnnouncements]]:
    """The memory of API keys: announcements keep it true, and it reports when keys were used."""
    keys, announcements = Keys(source, clock), KeyAnnouncements(database)
    announcements.subscribe(keys.forget)
    async with _running(keys.report_uses(source)), _running(announcements.listen()):
        yield keys, announcements


@asynccontextmanager
async def _control(settings: Settings, shared: Shared, address: str, part: Part) -> AsyncGenerator[Door | None]:
    """The control plane and, where no worker process runs them, its jobs."""
    if part is Part.DATA:
        yield None
        return
    if part is Part.CONTROL:
        async with open_control_plane(settings, shared, address) as control:
            yield control
        return
    worker = shared.admin.acting_as(Role.WORKER)
    try:
        async with (
            open_control_plane(settings, shared, address) as control,
            open_stripe(settings) as stripe_access,
            _running(work(jobs(worker, shared.clock, mailer_of(settings), address, stripe_access))),
        ):
            yield control
    finally:
        await worker.close()


@asynccontextmanager
async def _overseen(control: Door, shared: Shared, metrics: Metrics) -> AsyncGenerator[CountingDoor]:
    """The control plane with metrics, and with the watch over its mail and books."""
    async with _running(Oversight(shared.admin, shared.clock, metrics).watch()):
        yield CountingDoor(control, metrics)


def public_address(settings: Settings, port: int | None) -> str:
    """The URL by which people reach the gateway, as far as it knows."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host)  # noqa: S104 shown, not bound
    return f"http://{host or (f'[{settings.host}]' if ':' in settings.host else settings.host)}:{port or settings.port}"


def create_app() -> "LifespanApp":
    """For `uvicorn --factory llmgateway.app:create_app`: opens at the server's start, closes at its end."""
    settings = load_settings(os.environ)
    configure_logs(json=settings.production)
    warn_of_misspelt(settings)
    return LifespanApp(settings)


class LifespanApp:
    """The gateway as an ASGI application with a lifespan of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gateway: Gateway | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await cast("Gateway", self._gateway)(scope, receive, send)  # servers start the lifespan first

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with open_gateway(self._settings) as gateway:
                self._gateway = gateway
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except ConfigurationError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def _tracing(settings: Settings) -> AsyncGenerator[Tracing]:
    if settings.otlp_endpoint is None:
        yield Tracing(None)
        return
    async with open_telemetry("llmgateway", version("llmgateway")) as telemetry:
        yield Tracing(telemetry, contents=settings.otlp_contents)


@asynccontextmanager
async def _running(work: Awaitable[None]) -> AsyncGenerator[None]:
    """Run a task as long as the block lasts."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
