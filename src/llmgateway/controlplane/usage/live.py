"""Usage as it comes: one connection a process hears of it, one task an organisation reads it for all who watch."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec
import structlog
from sqlalchemy import text

from llmgateway.controlplane.usage.request_shown import request_shown
from llmgateway.controlplane.usage.schemas import SummaryWish
from llmgateway.controlplane.usage.summary import summary_of
from llmgateway.db.listening import listen
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.session import DATABASE_ERRORS, Database
from llmgateway.db.tenancy import owned
from llmgateway.errors import TooMany
from llmgateway.kit import sse
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import id_time
from llmgateway.kit.outage import Outage
from llmgateway.kit.utc import midnight

CHANNEL: Final = "llmgateway_usage"
MOST_STREAMS: Final = 20
"""Of one organisation in one process."""
_MOST_WAITING: Final = 500
"""Events for one who reads slowly; the oldest are left out, and their number is told."""
_MOST_ROWS: Final = 200
"""Read at once."""
_WATCH_SECONDS: Final = 10.0
"""How often the database is told that somebody watches; it believes so for three times as long."""
_TOTALS_SECONDS: Final = 2.0
"""At most so often are totals told."""
_RETRY_SECONDS: Final = 1.0
_READY: Final = sse.write(b"{}", b"ready")
_WATCH: Final = text(
    "INSERT INTO usage_watchers (org_id, until) VALUES (:org, now() + :lease) "
    "ON CONFLICT (org_id) DO UPDATE SET until = excluded.until"
)

log = structlog.get_logger()


class _Told(msgspec.Struct):
    """The payload of a NOTIFY."""

    org_id: str
    count: int
    ids: list[str]


@dataclass(eq=False)
class Stream:
    """One who watches: the server-sent events that wait until they are taken."""

    waiting: deque[bytes] = field(default_factory=lambda: deque[bytes](maxlen=_MOST_WAITING))
    missed: int = 0
    """How many were left out since frames were last taken."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, frame: bytes) -> None:
        """Add a frame and wake the reader."""
        self.missed += len(self.waiting) == _MOST_WAITING
        self.waiting.append(frame)
        self.news.set()

    async def take(self, seconds: float) -> bytes:
        """All frames that wait, joined; none when none came in so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), seconds)
        self.news.clear()
        frames, missed = b"".join(self.waiting), self.missed
        self.waiting.clear()
        self.missed = 0
        return frames + (sse.write(b'{"requests":%d}' % missed, b"missed") if missed else b"")


@dataclass(eq=False)
class _Feed:
    """One organisation that somebody watches: what was heard of it and not read yet."""

    org_id: str
    streams: list[Stream] = field(default_factory=list[Stream])
    ids: list[str] = field(default_factory=list[str])
    """Of the requests to read, at most `_MOST_ROWS`."""
    missed: int = 0
    """How many requests more there were."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = False
    """Whether the streams were told that from here on every request is told."""
    task: asyncio.Task[None] | None = None

    def hear(self, told: _Told) -> None:
        """Note requests that were stored."""
        room = max(0, _MOST_ROWS - len(self.ids))
        self.ids += told.ids[:room]
        self.missed += told.count - min(room, len(told.ids))
        self.news.set()

    def tell(self, frame: bytes) -> None:
        """Send a frame to all who watch."""
        for stream in self.streams:
            stream.put(frame)


class Live:
    """All that is watched through this process: a connection listens, and a task for each organisation reads what is new.

    Over a database that acts as `app`.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._feeds = dict[str, _Feed]()
        self._listener: asyncio.Task[None] | None = None
        self._hears = asyncio.Event()
        self._outage = Outage("usage is not heard of as it comes", "usage is heard of as it comes again")
        self._decoder = msgspec.json.Decoder(_Told)

    def check(self, org_id: str) -> None:
        """Raises TooMany when as many watch an organisation as may."""
        feed = self._feeds.get(org_id)
        if feed is not None and len(feed.streams) >= MOST_STREAMS:
            raise TooMany(
                f"{MOST_STREAMS} live streams of this organisation are open. Close one of them.", retry_after=10
            )

    @asynccontextmanager
    async def watch(self, org_id: str) -> AsyncGenerator[Stream]:
        """A stream of an organisation's requests for as long as the block lasts; `ready` comes first. Call `check` before."""
        feed = self._feeds.get(org_id) or self._open(org_id)
        stream = Stream()
        feed.streams.append(stream)
        if feed.ready:
            stream.put(_READY)
        try:
            yield stream
        finally:
            feed.streams.remove(stream)
            if not feed.streams:
                await self._close(feed)

    def _open(self, org_id: str) -> _Feed:
        feed = self._feeds[org_id] = _Feed(org_id)
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen())
        feed.task = asyncio.create_task(self._serve(feed))
        return feed

    async def _close(self, feed: _Feed) -> None:
        del self._feeds[feed.org_id]
        tasks = [feed.task]
        if not self._feeds:
            tasks.append(self._listener)
            self._listener = None
        for task in tasks:
            if task is not None:
                task.cancel()

    async def _listen(self) -> None:
        """Hear what is stored, until cancelled; a connection that is lost is made anew."""
        while True:
            try:
                await listen(self._database, CHANNEL, self._heard, self._begin)
            except DATABASE_ERRORS as error:
                self._outage.goes_on(error)
            finally:
                self._deafen()
            await asyncio.sleep(_RETRY_SECONDS)

    def _begin(self) -> None:
        self._outage.is_over()
        self._hears.set()

    def _heard(self, payload: str) -> None:
        told = self._decoder.decode(payload)
        feed = self._feeds.get(told.org_id)
        if feed is not None:
            feed.hear(told)

    def _deafen(self) -> None:
        """Whoever watches is told `ready` anew once usage is heard of again."""
        self._hears.clear()
        for feed in self._feeds.values():
            feed.ready = False
            feed.news.set()

    async def _serve(self, feed: _Feed) -> None:
        """Read what one organisation's streams are told, until cancelled."""
        while True:
            try:
                await self._hears.wait()
                await self._follow(feed)
            except DATABASE_ERRORS as error:
                log.warning("live usage waits for the database", reason=str(error) or type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self, feed: _Feed) -> None:
        """Pass on requests and totals until the listener is lost. Raises DATABASE_ERRORS."""
        loop = asyncio.get_running_loop()
        watched = totals = loop.time() - _WATCH_SECONDS
        stale = True
        while self._hears.is_set():
            if loop.time() - watched >= _WATCH_SECONDS:
                await self._announce(feed.org_id)
                watched = loop.time()
            if not feed.ready:
                feed.ready = True
                feed.tell(_READY)
            stale = await self._pass_on(feed) or stale
            if stale and loop.time() - totals >= _TOTALS_SECONDS:
                feed.tell(await self._totals(feed.org_id))
                totals, stale = loop.time(), False
            with suppress(TimeoutError):
                await asyncio.wait_for(feed.news.wait(), _TOTALS_SECONDS if stale else _WATCH_SECONDS)
            feed.news.clear()

    async def _announce(self, org_id: str) -> None:
        """Tell the database that somebody watches, so that it tells of what is stored."""
        async with self._database.transaction(org_id) as tx:
            await tx.execute(_WATCH, {"org": org_id, "lease": timedelta(seconds=3 * _WATCH_SECONDS)})

    async def _pass_on(self, feed: _Feed) -> bool:
        """Tell the requests that were heard of, oldest first; False when there were none."""
        ids, missed = feed.ids, feed.missed
        if not ids and not missed:
            return False
        feed.ids, feed.missed = [], 0
        for row in await self._rows(feed.org_id, ids):
            feed.tell(sse.write(request_shown(row).model_dump_json().encode(), b"request"))
        if missed:
            feed.tell(sse.write(b'{"requests":%d}' % missed, b"missed"))
        return True

    async def _rows(self, org_id: str, ids: Sequence[str]) -> Sequence[UsageRow]:
        times = [id_time(one) for one in ids]
        if not times:
            return ()
        query = owned(UsageRow, org_id).where(
            UsageRow.id.in_(ids), UsageRow.created_at >= min(times), UsageRow.created_at <= max(times)
        )
        async with self._database.transaction(org_id) as tx:
            return (await tx.scalars(query.order_by(UsageRow.id))).all()

    async def _totals(self, org_id: str) -> bytes:
        """The frame with the sums of the UTC day that runs, as the summary says them."""
        now = self._clock.now()
        wish = SummaryWish.model_validate({"since": midnight(now), "until": now})
        async with self._database.transaction(org_id) as tx:
            shown = await summary_of(tx, org_id, wish, now)
        return sse.write(shown.model_dump_json(by_alias=True).encode(), b"totals")
