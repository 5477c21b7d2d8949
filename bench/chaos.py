"""`python -m bench.chaos`: gateways, worker, Redis and PostgreSQL are killed at random moments under load; then the books are compared.

For every request that got its whole answer: the provider's own count = its row = the sums = the ledger, to the nano-dollar; no
request has two rows; and Redis counts of a budget what the rows say.
"""

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from bench.chaos_load import MODEL, Counted, Heard, ask_once, callers, counting_provider
from bench.chaos_victims import Killer, Postgres, Redis
from deploy.local.throwaway import throwaway_folder
from deploy.local.topology import Topology, topology
from llmgateway.contract.snapshot import Tariff
from llmgateway.controlplane.billing.books import checking
from llmgateway.controlplane.billing.charges import hourly
from llmgateway.controlplane.usage import rollups
from llmgateway.db.roles import Role
from llmgateway.db.session import DATABASE_ERRORS, Database
from llmgateway.kit.clock import ManualClock, SystemClock

_INPUT, _OUTPUT = 3_000, 15_000
"""Nanos a token."""
_TARIFF: Final = Tariff(markup_ppm=125_000, request_fee_nanos=7)
_BUDGET_USD: Final = "0.02"
_SETTLING_SECONDS: Final = 120
_SUMS: Final = "sum(requests)::bigint, sum(cost_nanos)::bigint, sum(charge_nanos)::bigint"
_CONFIG: Final = f"""
providers:
  lab: {{type: openai_compatible, base_url: URL/v1, api_key: sk-lab}}
models:
  {MODEL}: {{targets: [{{provider: lab, model: m, price: {{input: "3", output: "15"}}}}]}}
"""


@dataclass
class Findings:
    """What came of a run."""

    killed: list[str]
    heard: Heard
    wrong: list[str] = field(default_factory=list[str])
    """One sentence for everything that is not as it must be."""

    @property
    def summary(self) -> str:
        return (
            f"{len(self.heard.whole):,} whole answers of {self.heard.asked:,} requests {dict(self.heard.outcomes)}; "
            f"killed {len(self.killed)}: {' '.join(self.killed)}"
        )


def run(folder: Path, *, seed: int, rounds: int, seconds: float = 0, count: int = 24) -> Findings:
    """So many rounds of killing, or as many as fit into so many seconds."""
    redis = Redis(folder / "valkey")
    redis.start()
    config = folder / "gateway.yaml"
    settings = {
        "REDIS_URL": redis.url,
        "LLMGATEWAY_CONFIG": str(config),
        "LLMGATEWAY_MARKUP_PERCENT": "12.5",
        "LLMGATEWAY_REQUEST_FEE_USD": "0.000000007",
        "LLMGATEWAY_REDIS_DEADLINE_MS": "1000",  # a busy machine is no Redis that is down
    }
    with _provider_beside() as provider:
        config.write_text(_CONFIG.replace("URL", provider.url))
        with topology(folder, 2, **settings) as made:
            stage = _Stage(made, provider, redis)
            findings = stage.play(random.Random(seed), rounds, seconds, count)
            redis.server.stop()
    return findings


@contextmanager
def _provider_beside() -> Generator[Counted]:
    """On an event loop of its own, which nobody kills."""
    loop, stop, started = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    held = list[Counted]()

    async def serve() -> None:
        async with counting_provider() as books:
            held.append(books)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    started.wait()
    try:
        yield held[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@dataclass
class _Stage:
    """All that takes part."""

    made: Topology
    provider: Counted
    redis: Redis

    def play(self, chance: random.Random, rounds: int, seconds: float, count: int) -> Findings:
        """Traffic and killing, then quiet, then the comparison."""
        poor, poor_id = self._key("--budget-usd", _BUDGET_USD)
        self._ask(
            "UPDATE api_keys SET monthly_budget_nanos = coalesce(monthly_budget_nanos, 1000000000000) RETURNING 1"
        )
        self._ask("UPDATE organisations SET plan = 'enterprise' RETURNING 1")
        postgres = Postgres(Path(str(self._ask("SHOW data_directory")[0][0])), self._answers)
        killer = Killer(self.made, postgres, self.redis, chance)
        stop, heard = asyncio.Event(), list[Heard]()
        loop = asyncio.new_event_loop()
        urls, secrets = self.made.urls("data"), [self.made.key, self.made.key, poor]
        load = threading.Thread(
            target=lambda: heard.append(loop.run_until_complete(callers(urls, secrets, count, stop)))
        )
        load.start()
        until = time.monotonic() + seconds
        try:
            killer.run(rounds or sys.maxsize, (lambda: time.monotonic() < until) if seconds else lambda: True)
            time.sleep(1)
        finally:
            loop.call_soon_threadsafe(stop.set)
            load.join()
            loop.close()
        findings = Findings(killer.killed, heard[0])
        self._compare(findings, poor_id)
        self._compare_counts(findings, poor, poor_id)
        return findings

    def _compare(self, findings: Findings, poor_id: str) -> None:
        """Once all that was on its way has arrived."""
        wanted = set(findings.heard.whole)
        deadline = time.monotonic() + _SETTLING_SECONDS
        while wanted - {str(row[0]) for row in self._ask("SELECT id FROM usage_events")}:
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        time.sleep(2)  # and the estimates of what was cut
        rows = {str(row.id): row for row in self._ask("SELECT * FROM usage_events")}
        every = self._ask("SELECT count(*), count(DISTINCT id) FROM usage_events")[0]
        if every[0] != every[1]:
            findings.wrong.append(f"{every[0]} rows for {every[1]} requests")
        if every[1] > findings.heard.asked:
            findings.wrong.append(f"{every[1]} rows for {findings.heard.asked} requests that were made")
        for identifier, number in findings.heard.whole.items():
            self._compare_row(findings, identifier, number, rows.get(identifier))
        total = (
            len(rows),
            sum(row.cost_nanos or 0 for row in rows.values()),
            sum(row.charge_nanos or 0 for row in rows.values()),
        )
        findings.wrong += asyncio.run(_books(self.made.database_url, total))
        spent = sum(row.cost_nanos or 0 for row in rows.values() if row.key_id == poor_id)
        dearest = max((row.cost_nanos or 0 for row in rows.values()), default=0)
        # What was reserved of the last nanos may be less than the answers that were under way came to.
        if spent > 10**9 * float(_BUDGET_USD) + len(self.made.urls("data")) * dearest:
            findings.wrong.append(f"{spent} nanos were spent of a budget of {_BUDGET_USD} dollars")

    def _compare_counts(self, findings: Findings, poor: str, poor_id: str) -> None:
        """What Redis holds the key to, once nothing runs, against its rows."""
        spending = f"SELECT coalesce(sum(cost_nanos), 0)::bigint FROM usage_events WHERE key_id = '{poor_id}'"
        deadline = time.monotonic() + _SETTLING_SECONDS
        while True:
            ask_once(self.made.urls("data")[0], poor)  # an admission gives back what the dead had reserved
            time.sleep(1)
            counted, spent = self.redis.counted(poor_id), self._ask(spending)[0][0]
            if counted == spent:
                return
            if time.monotonic() > deadline:
                findings.wrong.append(f"Redis counts {counted} nanos of a budget, the rows {spent}")
                return

    def _compare_row(self, findings: Findings, identifier: str, number: int, row: Any) -> None:
        """One request that got its whole answer, in the provider's books and in ours."""
        prompt, words = self.provider.served[number]
        cost = prompt * _INPUT + words * _OUTPUT
        wanted = ("finished", prompt, words, cost, _TARIFF.charge(cost))
        found = row and (row.outcome, row.prompt_tokens, row.completion_tokens, row.cost_nanos, row.charge_nanos)
        if found != wanted:
            findings.wrong.append(f"{identifier}: the provider's books say {wanted}, ours {found}")

    def _key(self, *options: str) -> tuple[str, str]:
        made = json.loads(self.made.command("keys", "create", "--name", "k", *options, "--json"))
        return str(made["key"]), str(made["id"])

    def _answers(self) -> bool:
        try:
            return bool(self._ask("SELECT 1"))
        except DATABASE_ERRORS:
            return False

    def _ask(self, statement: str) -> Sequence[Any]:
        return asyncio.run(_asked(self.made.database_url, statement))


async def _asked(url: str, statement: str) -> Sequence[Any]:
    database = Database(url, seconds=10)
    try:
        async with database.transaction() as tx:
            return (await tx.execute(text(statement))).all()
    finally:
        await database.close()


async def _books(url: str, total: tuple[int, int, int]) -> list[str]:
    """Rows against the sums of hours and days, and against the ledger once their hour is over."""
    worker, admin = Database(url, Role.WORKER), Database(url, Role.ADMIN)
    later = ManualClock(SystemClock().now() + timedelta(hours=2))
    wrong = list[str]()
    try:
        while await rollups.roll_up_next(worker):
            pass
        await hourly.post_usage(worker, later, timedelta(hours=6))
        async with admin.transaction() as tx:
            for table in ("usage_hours", "usage_days"):
                sums = tuple((await tx.execute(text(f"SELECT {_SUMS} FROM {table}"))).one())
                if sums != total:
                    wrong.append(f"{table} has {sums}, the rows {total}")
            revenue = "SELECT coalesce(-sum(nanos), 0)::bigint FROM ledger_entries WHERE account = 'revenue'"
            posted = await tx.scalar(text(revenue))
            if posted != total[2]:
                wrong.append(f"the ledger has {posted}, the rows {total[2]}")
            report = await checking.check(tx, later.now() - timedelta(hours=6), later.now())
            if not report.right:
                wrong.append(f"the books are not right: {report}")
    finally:
        await worker.close()
        await admin.close()
    return wrong


def main() -> None:
    """Run it and print what was found; fails when anything is wrong."""
    parser = argparse.ArgumentParser(prog="bench.chaos")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=6)
    given = parser.parse_args()
    with throwaway_folder("chaos") as folder:
        findings = run(folder, seed=given.seed, rounds=0, seconds=given.minutes * 60)
    print(findings.summary)
    print("\n".join(findings.wrong[:20]) or "the provider's books = rows = sums = ledger = what Redis counts")
    if findings.wrong or not findings.heard.whole:
        sys.exit(1)


if __name__ == "__main__":
    main()
