"""GET /orgs/{org}/usage/live: every request as it is stored, to those who may see it, for as long as they may."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from llmgateway.controlplane.usage import live, live_route
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from llmgateway.errors import TooMany
from llmgateway.kit import sse
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.ids import id_time, new_id
from tests.controlplane.api import Api, Json
from tests.controlplane.records import event
from tests.fixtures_database import run_sql

SECONDS = 20.0
"""Until a test gives up; nothing is expected to take so long."""


class Watching:
    """One stream, read as it comes."""

    def __init__(self) -> None:
        self.status = 0
        self.headers = dict[str, str]()
        self.frames = asyncio.Queue[sse.Frame]()
        self.gone = asyncio.Event()
        self._splitter = sse.Splitter()
        self._asked = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        for frame in self._splitter.feed(message.get("body", b"")):
            self.frames.put_nowait(frame)

    async def receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def next(self, name: str) -> Json:
        """The next event of a name; others are passed over."""
        async with asyncio.timeout(SECONDS):
            while (frame := await self.frames.get()).event != name.encode():
                pass
        return json.loads(frame.data)


@asynccontextmanager
async def watching(api: Api, token: str, org: str, query: str = "") -> AsyncGenerator[Watching]:
    """A stream that ends with the block, when its reader leaves."""
    stream = Watching()
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/v1/orgs/{org}/usage/live",
        "query_string": query.encode(),
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "client": ("203.0.113.9", 1234),
        "http_version": "1.1",
        "scheme": "http",
        "server": ("gateway.test", 80),
        "root_path": "",
    }
    task = asyncio.create_task(api.door(scope, stream.receive, stream.send))
    try:
        yield stream
    finally:
        stream.gone.set()
        await asyncio.wait_for(task, SECONDS)


def made(org: str, **changes: object) -> Any:
    """An event of now."""
    identifier = new_id("req")
    return event(id=identifier, created_at=id_time(identifier), org_id=org, **changes)


@pytest.fixture
async def owner(api: Api) -> str:
    return await api.person("o@a.test")


@pytest.fixture
async def org(api: Api, owner: str) -> str:
    return await api.org("Acme", owner)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may not look any more is found at once."""
    monkeypatch.setattr(live_route, "_CHECK_SECONDS", 0.05)
    monkeypatch.setattr(live_route, "_TURN_SECONDS", 0.05)


async def test_requests_come_as_they_are_stored_and_totals_with_them(
    api: Api, owner: str, org: str, data: Database
) -> None:
    store = UsageStore(data)
    async with watching(api, await api.token(owner), org) as stream:
        await stream.next("ready")
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert (await stream.next("totals"))["data"] == []
        first = made(org, cost_nanos=5)
        await store.insert([first, made("org_of_others")])
        shown = await stream.next("request")
        assert (shown["id"], shown["cost_usd"]) == (first.id, "0.000000005")
        totals = await stream.next("totals")
        assert totals["data"][0]["requests"] == 1
        second = made(org)
        await store.insert([second])
        assert (await stream.next("request"))["id"] == second.id


async def test_a_request_that_was_long_on_its_way_comes_too(api: Api, owner: str, org: str, data: Database) -> None:
    late, new = made(org), made(org)
    async with watching(api, await api.token(owner), org) as stream:
        await stream.next("ready")
        await UsageStore(data).insert([new])
        assert (await stream.next("request"))["id"] == new.id
        await UsageStore(data).insert([late])
        assert (await stream.next("request"))["id"] == late.id


async def test_all_who_watch_are_told_and_strangers_of_nothing(api: Api, owner: str, org: str, data: Database) -> None:
    stranger = await api.person("s@b.test")
    elsewhere = await api.org("Elsewhere", stranger)
    mine, theirs = await api.token(owner), await api.token(stranger)
    async with (
        watching(api, mine, org) as one,
        watching(api, mine, org) as other,
        watching(api, theirs, elsewhere) as strange,
        watching(api, theirs, org) as refused,
    ):
        for stream in (one, other, strange):
            await stream.next("ready")
        request, last = made(org), made(elsewhere)
        await UsageStore(data).insert([request, last])
        assert [(await stream.next("request"))["id"] for stream in (one, other)] == [request.id] * 2
        assert (await strange.next("request"))["id"] == last.id
        assert strange.frames.qsize() <= 1  # totals, perhaps
    assert refused.status == 404


@pytest.mark.usefixtures("quick")
async def test_it_ends_when_the_session_ends(api: Api, owner: str, org: str) -> None:
    token = await api.token(owner)
    async with watching(api, token, org) as stream:
        await stream.next("ready")
        await api.client(token).post("/auth/logout", json={"everywhere": True})
        await run_in(api, "UPDATE sessions SET revoked_at = now()")
        assert (await stream.next("end"))["code"] == "invalid_token"


@pytest.mark.usefixtures("quick")
async def test_it_ends_when_the_member_is_removed(api: Api, owner: str, org: str) -> None:
    viewer = await api.person("v@a.test")
    async with api.admin.transaction() as tx:
        await tx.execute(
            live.text("INSERT INTO members VALUES (:org, :who, 'viewer', now())"), {"org": org, "who": viewer}
        )
    async with watching(api, await api.token(viewer), org) as stream:
        await stream.next("ready")
        removed = await (await api.as_(owner)).delete(f"/orgs/{org}/members/{viewer}")
        assert removed.status_code == 204
        assert (await stream.next("end"))["code"] == "not_found"


async def test_it_ends_after_the_time_that_was_asked_for(api: Api, owner: str, org: str) -> None:
    async with watching(api, await api.token(owner), org, "seconds=0") as stream:
        assert (await stream.next("end"))["code"] == "time_is_up"


async def test_it_ends_with_the_process(api: Api, owner: str, org: str) -> None:
    ending = False
    api.door.at_hand = {**api.door.at_hand, "deps": replace(api.deps, draining=lambda: ending)}
    async with watching(api, await api.token(owner), org) as stream:
        await stream.next("ready")
        ending = True
        assert (await stream.next("end"))["code"] == "draining"


async def test_streams_of_one_organisation_are_bounded(
    api: Api, owner: str, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_STREAMS", 1)
    token = await api.token(owner)
    async with watching(api, token, org) as stream:
        await stream.next("ready")
        refused = await api.client(token).get(f"/orgs/{org}/usage/live", params={"seconds": 0})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    again = await api.client(token).get(f"/orgs/{org}/usage/live", params={"seconds": 0})
    assert again.status_code == 200
    with pytest.raises(TooMany):
        async with live.Live(api.deps.database, SystemClock()).watch(org):
            raise TooMany("the block's own error comes out")


async def test_who_reads_slowly_is_told_how_much_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = live.Stream()
    for number in range(503):
        stream.put(b"data: %d\n\n" % number)
    frames = sse.Splitter().feed(await stream.take(0))
    assert len(frames) == 501
    assert (frames[0].data, frames[-1].event, frames[-1].data) == (b"3", b"missed", b'{"requests":3}')
    assert await stream.take(0) == b""


async def test_a_burst_is_shown_in_part_and_counted(api: Api, owner: str, org: str, data: Database) -> None:
    async with watching(api, await api.token(owner), org) as stream:
        await stream.next("ready")
        events = [made(org) for _ in range(130)]
        await UsageStore(data).insert(events)
        shown = [(await stream.next("request"))["id"] for _ in range(100)]
        assert shown == sorted(one.id for one in events)[-100:]
        assert await stream.next("missed") == {"requests": 30}
        assert (await stream.next("totals"))["data"][0]["requests"] == 130


async def test_a_lost_connection_is_made_anew_and_told(
    api: Api, owner: str, org: str, data: Database, superuser_url: str, database_url: str
) -> None:
    name = database_url.partition("?")[0].rpartition("/")[2]
    async with watching(api, await api.token(owner), org) as stream:
        await stream.next("ready")
        await run_sql(superuser_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        await stream.next("ready")
        await asyncio.sleep(0)
        request = made(org)
        await UsageStore(data).insert([request])
        assert (await stream.next("request"))["id"] == request.id


async def test_nobody_is_told_of_what_nobody_watches(admin: Database, data: Database, database_url: str) -> None:
    heard = list[object]()

    def hear(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        heard.append(payload)

    connection = await Database(database_url).connect()
    await connection.add_listener(live.CHANNEL, hear)
    await UsageStore(data).insert([made("org_1")])
    await connection.execute("SELECT 1")
    connection.terminate()
    assert heard == []


async def run_in(api: Api, statement: str) -> None:
    """As `admin`."""
    async with api.admin.transaction() as tx:
        await tx.execute(live.text(statement))
