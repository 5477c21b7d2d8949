"""What happens when something is down, row by row as docs/operate/failures.md tells it: each row is a test with its name."""

import asyncio
import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from bench.chaos_victims import Postgres, Redis
from deploy.local.topology import Topology, topology
from llmgateway.db.session import DATABASE_ERRORS, Database
from llmgateway.kit.clock import SystemClock
from tests.e2e.beside import beside
from tests.e2e.waiting import becomes
from tests.fakes.stripe.server import KEY, SECRET, FakeStripe, fake_stripe
from tests.upstreams.server import upstream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CONFIG = """
providers:
  openai: {api_key: sk-up, base_url: URL/v1}
  nobody: {type: openai_compatible, base_url: http://127.0.0.1:9/v1, api_key: sk-x}
models:
  priced: {targets: [{provider: openai, model: echo, price: {input: "3", output: "15"}}]}
  backed: {targets: [{provider: nobody, model: m}, {provider: openai, model: echo}]}
  refused: {targets: [{provider: openai, model: status-400}]}
  mixed: {targets: [{provider: openai, model: status-400}, {provider: nobody, model: m}]}
  lost: {targets: [{provider: nobody, model: m}], retries: 0}
"""
Json = dict[str, Any]


@dataclass
class Stage:
    """A gateway in parts, each of which can be taken away."""

    made: Topology
    postgres: Postgres
    redis: Redis
    stripe: FakeStripe
    people: httpx2.Client

    def ask(self, model: str = "priced", key: str | None = None) -> httpx2.Response:
        body = {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": "Hi"}]}
        headers = {"authorization": f"Bearer {key or self.made.key}"}
        (url,) = self.made.urls("data")
        return httpx2.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=60)

    def outcome(self, model: str = "priced", key: str | None = None) -> tuple[int, str | None]:
        """Status, and the error's code."""
        answer = self.ask(model, key)
        return answer.status_code, answer.json().get("error", {}).get("code")

    def new_key(self, **rules: Any) -> str:
        return str(self.people.post("/keys", json={"name": "k", **rules}).json()["key"])

    def told(self, request_id: str) -> Json | None:
        """What people see of a request; None while they do not."""
        answer = self.people.get(f"/usage/{request_id}")
        return answer.json() if answer.status_code == 200 else None


async def _answers(url: str) -> bool:
    database = Database(url, seconds=5)
    try:
        async with database.transaction() as tx:
            return await tx.scalar(text("SELECT 1")) == 1
    except DATABASE_ERRORS:
        return False
    finally:
        await database.close()


async def _data_directory(url: str) -> Path:
    database = Database(url, seconds=5)
    async with database.transaction() as tx:
        found = str(await tx.scalar(text("SHOW data_directory")))
    await database.close()
    return Path(found)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("down")
    folder.chmod(0o755)
    config, redis = folder / "gateway.yaml", Redis(folder / "valkey")
    redis.start()
    with beside(upstream()) as provider, beside(fake_stripe(SystemClock())) as stripe:
        config.write_text(CONFIG.replace("URL", provider.url))
        settings = {
            "REDIS_URL": redis.url,
            "LLMGATEWAY_CONFIG": str(config),
            "LLMGATEWAY_REDIS_DEADLINE_MS": "1000",  # a busy machine is no Redis that is down
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "STRIPE_API_BASE": stripe.url,
        }
        with topology(folder, 1, **settings) as made, _owner(made) as people:
            data = asyncio.run(_data_directory(made.database_url))
            postgres = Postgres(data, lambda: asyncio.run(_answers(made.database_url)))
            yield Stage(made, postgres, redis, stripe, people)
        redis.server.stop()


def _owner(made: Topology) -> httpx2.Client:
    (url,) = made.urls("control")
    given = {
        "email": made.environment["LLMGATEWAY_BOOTSTRAP_EMAIL"],
        "password": made.environment["LLMGATEWAY_BOOTSTRAP_PASSWORD"],
    }
    token = httpx2.post(f"{url}/api/v1/auth/login", json=given, timeout=30).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    return httpx2.Client(base_url=f"{url}/api/v1/orgs/default", headers=headers, timeout=30)


def test_postgresql_down(stage: Stage) -> None:
    key = stage.new_key()
    assert stage.outcome(key=key) == (200, None)
    stage.postgres.kill()
    known = stage.ask(key=key)
    assert known.status_code == 200
    assert stage.outcome(key=f"lgw_live_{'0' * 32}") == (503, "store_unavailable")
    people = stage.people.get("/keys")
    assert (people.status_code, people.json()["error"]["code"]) == (503, "store_unavailable")
    assert people.json()["error"]["message"]
    stage.postgres.start()
    becomes(lambda: stage.told(known.headers["x-request-id"]) is not None, wanted=True)
    becomes(lambda: stage.outcome(key=f"lgw_live_{'0' * 32}"), (401, "invalid_api_key"))


def test_redis_down(stage: Stage) -> None:
    rated, limited = stage.new_key(limits={"requests_per_minute": 1000}), stage.new_key(budgets={"month_usd": "5"})
    assert stage.outcome(key=rated) == stage.outcome(key=limited) == (200, None)
    stage.redis.kill()
    assert stage.outcome(key=rated) == (200, None), "its own limits hold"
    refused = stage.ask(key=limited)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
    assert refused.headers["retry-after"]
    assert stage.people.get("/keys").status_code == 200
    stage.redis.start()
    becomes(lambda: stage.outcome(key=limited), (200, None))


def test_one_provider_down(stage: Stage) -> None:
    answer = stage.ask("backed")
    assert (answer.status_code, answer.headers["x-llmgateway-provider"]) == (200, "openai")
    request_id = answer.headers["x-request-id"]
    becomes(lambda: stage.told(request_id) is not None, wanted=True)
    told = stage.told(request_id)
    assert told is not None
    assert told["attempts"][0]["provider"] == "nobody"
    assert told["attempts"][0]["outcome"] == "connection"


def test_all_providers_of_a_model_down(stage: Stage) -> None:
    assert stage.ask("refused").status_code == 400, "the provider's class is kept"
    mixed = stage.ask("mixed")
    assert mixed.status_code == 502, "they failed in different ways"
    assert {attempt["provider"] for attempt in mixed.json()["error"]["attempts"]} == {"openai", "nobody"}
    lost = stage.ask("lost")
    assert lost.status_code == 502, "asked, and no answer"
    assert lost.json()["error"]["attempts"]


def test_stripe_down(stage: Stage) -> None:
    made = stage.people.post(str(stage.people.base_url).partition("/orgs/")[0] + "/orgs", json={"name": "Payer"})
    payer = str(stage.people.base_url).replace("/default", f"/{made.json()['slug']}")
    stage.stripe.down = True
    assert stage.outcome() == (200, None)
    page = stage.people.post(f"{payer}billing/portal")
    assert (page.status_code, page.json()["error"]["code"]) == (503, "stripe_unavailable")
    assert stage.people.get(f"{payer}billing").status_code == 200
    stage.stripe.down = False
    becomes(lambda: stage.people.post(f"{payer}billing/portal").status_code, 200)


def test_worker_down(stage: Stage) -> None:
    stage.made.stop("worker")
    answer = stage.ask()
    assert answer.status_code == 200
    request_id = answer.headers["x-request-id"]
    becomes(lambda: stage.told(request_id) is not None, wanted=True)
    summary = stage.people.get("/usage/summary").json()
    assert summary["data"][0]["requests"] >= 1, "what nobody has merged is in the figures"
    assert summary["figures_until"]
    (control,) = stage.made.urls("control")

    def unsummed() -> bool:
        lines = httpx2.get(f"{control}/metrics").text.splitlines()
        found = [float(line.split()[1]) for line in lines if line.startswith("llmgateway_usage_unsummed_seconds ")]
        return bool(found) and found[0] > 0

    becomes(unsummed, wanted=True, seconds=200)
    stage.made.start("worker")
    becomes(unsummed, wanted=False, seconds=200)


def test_disk_full(stage: Stage) -> None:
    process = stage.made.replicas["data-1"].process
    assert process is not None
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, before[1]))  # no file of it may grow
    try:
        answers = [stage.ask() for _ in range(3)]
        assert {answer.status_code for answer in answers} == {200}
        (data,) = stage.made.urls("data")
        assert re.search(r"^llmgateway_journal_held_records [1-9]", httpx2.get(f"{data}/metrics").text, re.MULTILINE)
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
    for answer in answers:
        becomes(lambda identifier=answer.headers["x-request-id"]: stage.told(identifier) is not None, wanted=True)
