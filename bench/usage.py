"""`python -m bench.usage`: ten million requests of ten thousand organisations: p95 of the overview and of the request list."""

import argparse
import asyncio
import contextlib
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from sqlalchemy import text

from deploy.local.throwaway import throwaway_folder
from llmgateway.controlplane.usage.rollups import roll_up_next
from llmgateway.db.embedded import embedded_postgres
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from tests.e2e.gateway import Gateway, run_gateway

Json = dict[str, Any]
AIM_MS = 300
DAYS = 60
ORGS = 10_000
SECONDS = 3_600.0

SUMMARIES = (
    "/usage/summary?step=hour",
    "/usage/summary?step=hour&compare=true",
    "/usage/summary?step=hour&by=model&from={week}",
    "/usage/summary?step=day&from={month}&compare=true",
    "/usage/summary?step=day&by=model&from={month}",
    "/usage/summary?by=key&from={month}",
    "/usage/summary?by=tag&from={month}&compare=true",
    "/usage/summary?step=day&by=provider&from={start}",
)
LISTS = (
    "/usage",
    "/usage?limit=100&cursor={cursor}",
    "/usage?outcome=failed",
    "/usage?model=rare-model",
    "/usage?model=no-such-model",
    "/usage?key_id={key}&from={week}",
    "/usage?tag=tag-3",
    "/usage?provider=anthropic&from={month}&to={week}",
)

# The first ten letters of an id are the time in milliseconds, so that ids sort as real ones do.
_LETTERS = "||".join(f"substr('0123456789abcdefghjkmnpqrstvwxyz', ((ms >> {5 * n}) & 31)::int + 1, 1)" for n in range(9, -1, -1))  # fmt: skip
_ROWS = f"""
    INSERT INTO usage_events (id, created_at, org_id, key_id, project_id, operation, dialect, model, provider,
        served_model, outcome, status, stream, prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens,
        reasoning_tokens, cost_nanos, charge_nanos, list_cost_nanos, price_version, usage_source, cache, test, duration_ms,
        first_token_ms, attempts, plan, tags)
    SELECT 'req_' || {_LETTERS} || substr(md5(n::text), 1, 16), to_timestamp(ms / 1000.0), orgs[org], orgs[org] || '_key_' || key,
        nullif('prj_' || org || '_' || key / 4, 'prj_' || org || '_0'), 'chat', 'openai', models[model],
        providers[model], models[model], outcomes[outcome], CASE outcome WHEN 1 THEN 200 ELSE 502 END, key % 2 = 0,
        tokens, tokens / 3, tokens / 10, 0, tokens / 20, tokens * 1500, tokens * 100, tokens * 2500, 'v1', 'provider',
        caches[cache], false, duration, duration / 4,
        '[{{"provider": "openai", "model": "gpt-4.1-mini", "status": 200, "outcome": "ok", "milliseconds": 712}}]',
        '[{{"target": "openai/gpt-4.1-mini", "why": "first in the list"}}, {{"target": "anthropic/haiku", "why": "next"}}]',
        to_jsonb(ARRAY['tag-' || key % 5])
    FROM (
        SELECT n, ms, org, orgs, floor(power(10, random()))::int AS key, 1 + floor(power(random(), 3) * 5)::int AS model,
            CASE WHEN random() < 0.97 THEN 1 ELSE 2 + floor(random() * 3)::int END AS outcome,
            1 + floor(power(random(), 2) * 3)::int AS cache, 100 + (random() * 4000)::bigint AS tokens,
            (100 * exp(3 * random() * random() + 2 * random()))::int AS duration,
            ARRAY['gpt-4.1-mini', 'gpt-4.1', 'claude-haiku', 'claude-sonnet', 'rare-model'] AS models,
            ARRAY['openai', 'openai', 'anthropic', 'anthropic', 'mistral'] AS providers,
            ARRAY['finished', 'failed', 'abandoned', 'refused'] AS outcomes, ARRAY['miss', 'bypass', 'hit'] AS caches
        FROM (
            SELECT n, CAST(:orgs AS text[]) AS orgs, floor(power(cardinality(CAST(:orgs AS text[])), random()))::int AS org,
                (extract(epoch FROM CAST(:day AS timestamptz)) * 1000)::bigint + (n - :first) * CAST(:span AS bigint) / :count AS ms
            FROM generate_series(CAST(:first AS bigint), CAST(:first AS bigint) + :count - 1) n
        ) moments
    ) facts
"""


def main() -> None:
    """Seed, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.usage", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="requests of the last 60 days")
    parser.add_argument("--times", type=int, default=40, help="requests of each kind")
    arguments = parser.parse_args()
    with throwaway_folder("bench") as folder, run_gateway(folder) as gateway:
        _measure(gateway, arguments.rows, arguments.times)


def _measure(gateway: Gateway, rows: int, times: int) -> None:
    found = re.search(r"Log in as (\S+) with (\S+)", gateway.command("seed", "--orgs", "3"))
    if found is None:
        sys.exit("bench: the gateway did not say how to log in")
    people = [(found[1].replace("-0@", f"-{number}@"), found[2]) for number in range(2)]
    with embedded_postgres(gateway.data_dir) as url:
        orgs = [_org_of(gateway, *person)[1] for person in people]
        asyncio.run(_seed(url, rows, orgs))
        for person, words in zip(people, ("the largest organisation", "one in the middle"), strict=True):
            client, org = _org_of(gateway, *person)
            with contextlib.closing(client):
                print(f"\n{words}: {_requests(client, org):,} requests{'':<17} {'p50':>8} {'p95':>8}   aim {AIM_MS} ms")
                _report(client, org, times)


def _org_of(gateway: Gateway, email: str, password: str) -> tuple[httpx2.Client, str]:
    client = httpx2.Client(base_url=f"{gateway.url}/api/v1", timeout=60)
    token = client.post("/auth/login", json={"email": email, "password": password}).json()["access_token"]
    client.headers["authorization"] = f"Bearer {token}"
    return client, client.get("/me").json()["orgs"][0]["id"]


async def _seed(url: str, rows: int, orgs: list[str]) -> None:
    """Rows as they would have come, a day at a time, and their sums, as a worker would have made them."""
    names = [f"org_of_the_bench_{number}" for number in range(ORGS)]
    names[0], names[200] = orgs
    begun, login = time.monotonic(), Database(url, seconds=SECONDS)
    worker, count = Database(url, Role.WORKER, seconds=SECONDS), max(1, rows // DAYS)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    async with login.transaction() as tx:  # a plan that shows all of it
        await tx.execute(text("UPDATE organisations SET plan = 'self_hosted'"))
    for number in range(DAYS):
        day = today - timedelta(days=DAYS - 1 - number)
        span = min(timedelta(days=1), datetime.now(UTC) - day) // timedelta(milliseconds=1)
        async with login.transaction() as tx:
            await tx.execute(text("SET LOCAL synchronous_commit = off"))
            await _month(tx, day)
            values = {"orgs": names, "day": day, "span": span, "first": number * count, "count": count}
            await tx.execute(text(_ROWS), values)
        while await roll_up_next(worker):
            pass
        if number % 10 == 9:
            print(f"{(number + 1) * count:,} rows after {time.monotonic() - begun:.0f} s")
    async with login.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("VACUUM ANALYZE")
        sizes = "SELECT (SELECT count(*) FROM usage_hours), (SELECT count(*) FROM usage_days)"
        counts: Any = (await connection.exec_driver_sql(sizes)).one()
    print(f"{rows:,} rows, {counts[0]:,} sums of hours and {counts[1]:,} of days in {time.monotonic() - begun:.0f} s")
    await login.close()
    await worker.close()


async def _month(tx: Any, day: datetime) -> None:
    """The months that have gone by had partitions of their own."""
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    name = f"usage_events_{first:%Y_%m}"
    if await tx.scalar(text("SELECT to_regclass(:name)"), {"name": name}) is None:
        await tx.execute(text(f"CREATE TABLE {name} PARTITION OF usage_events FOR VALUES FROM ('{first}') TO ('{after}')"))  # fmt: skip
        await tx.execute(text(f"ALTER TABLE {name} OWNER TO llmgateway_owner"))


def _requests(client: httpx2.Client, org: str) -> int:
    answer = client.get(f"/orgs/{org}/usage/summary", params={"from": _ago(DAYS + 1)})
    return int(answer.json()["data"][0]["requests"])


def _ago(days: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:00:00Z}"


def _report(client: httpx2.Client, org: str, times: int) -> None:
    cursor = client.get(f"/orgs/{org}/usage?limit=100").json()["next_cursor"]
    names = {"week": _ago(7), "month": _ago(30), "start": _ago(DAYS), "cursor": cursor, "key": f"{org}_key_9"}
    for path in (*SUMMARIES, *LISTS):
        address = f"/orgs/{org}{path.format(**names)}"
        figures = _times(lambda address=address: client.get(address), times)
        p95 = statistics.quantiles(figures, n=20)[-1]
        verdict = "kept" if p95 <= AIM_MS else "MISSED"
        print(f"{path:<58} {statistics.median(figures):>6.0f}ms {p95:>6.0f}ms   {verdict}")


def _times(ask: Callable[[], httpx2.Response], times: int) -> list[float]:
    """Milliseconds of each."""
    figures = list[float]()
    for _ in range(times):
        begin = time.perf_counter()
        ask().raise_for_status()
        figures.append((time.perf_counter() - begin) * 1000)
    return figures


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        sys.exit(f"bench: {error}")
