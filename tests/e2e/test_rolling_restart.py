"""Replicas are restarted one after the other, under load, behind nginx: no request is lost, and no event."""

import asyncio
import json
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import httpx2
import pytest

from deploy.local.topology import Topology, topology

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin") is None,
        reason="NOT TRIED: nginx is not installed (make packages)",
    ),
]
CALLERS = 8
PAUSE = 0.02
"""Seconds between two requests of a caller."""
_MANY = 5_000
"""Requests after which they need not come so fast."""
LONG = "word " * 300
"""Said back in three seconds as a stream: longer than a replica listens on after SIGTERM."""


@dataclass
class Told:
    """What callers saw."""

    ids: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])


async def _call(session: aiohttp.ClientSession, there: Topology, told: Told, *, stream: bool) -> None:
    body = {
        "model": "sandbox/chat",
        "stream": stream,
        "messages": [{"role": "user", "content": LONG if stream else "Hello"}],
    }
    try:
        async with session.post(
            f"{there.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {there.key}"}
        ) as answer:
            said = await answer.text()
            whole = "data: [DONE]" in said if stream else '"finish_reason":"stop"' in said.replace(" ", "")
            if answer.status != 200 or not whole:
                told.wrong.append(f"{answer.status}: {said[-300:]}")
            told.ids.append(answer.headers["x-request-id"])
    except (aiohttp.ClientError, KeyError) as error:
        told.wrong.append(repr(error))


async def _under_load(there: Topology) -> Told:
    """Callers that ask without pause while all replicas are restarted."""
    told, done = Told(), asyncio.Event()
    # A connection each: whether a kept-alive one may still be used is between nginx and its clients.
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def caller(number: int) -> None:
            while not done.is_set():
                await _call(session, there, told, stream=number % 2 == 0)
                # On a slow machine the restarts take longer, and the list of events has an end.
                await asyncio.sleep(PAUSE if len(told.ids) < _MANY else 1)

        callers = [asyncio.create_task(caller(number)) for number in range(CALLERS)]
        await asyncio.sleep(1)
        await asyncio.to_thread(there.restart_all)
        await asyncio.sleep(1)
        done.set()
        await asyncio.gather(*callers)
    return told


def _serves_people(there: Topology) -> None:
    """The process for people is behind the same address, its jobs run elsewhere, and only it answers there."""
    public = httpx2.get(f"{there.url}/api/v1/public/settings", timeout=20)
    assert public.status_code == 200
    login = {"email": "owner@example.com", "password": there.environment["LLMGATEWAY_BOOTSTRAP_PASSWORD"]}
    token = httpx2.post(f"{there.url}/api/v1/auth/login", json=login, timeout=20).json()["access_token"]
    me = httpx2.get(f"{there.url}/api/v1/me", headers={"authorization": f"Bearer {token}"}, timeout=20).json()
    assert me["user"]["email"] == "owner@example.com"
    assert httpx2.get(f"{there.url}/metrics", timeout=20).status_code == 404
    page = httpx2.get(f"{there.replicas['control'].url}/metrics", timeout=20).text
    assert 'route="/me",status="200"' in page


def test_a_rolling_restart_under_load_loses_no_request_and_no_event(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with topology(tmp_path) as there:
        before = {replica.process.pid for replica in there.replicas.values() if replica.process is not None}
        _serves_people(there)
        told = asyncio.run(_under_load(there))
        _serves_people(there)
        after = {replica.process.pid for replica in there.replicas.values() if replica.process is not None}
        for name in there.replicas:
            assert there.stop(name) == 0  # which ships what is left
        events = json.loads(there.command("usage", "list", "--json", "--limit", "10000"))
    assert not before & after
    assert told.wrong == []
    assert 50 < len(told.ids) < 10_000
    assert {event["id"] for event in events} == set(told.ids)
    assert Counter(event["outcome"] for event in events) == {"finished": len(told.ids)}
