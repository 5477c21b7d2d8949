"""What more organisations, keys and routes cost: the same load on an installation with ten of each, and with many more.

Each organisation has a key and an alias of its own, and requests ask for the alias. The first use of a key is one SELECT; then it
lies in memory.
"""

import asyncio
import json
import re
import statistics
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from bench.canned import openai_request
from bench.gateway import Installation
from bench.load import Client
from bench.machine import Server, nginx
from bench.report import Row, Table
from llmgateway.controlplane.keys.service import new_secret
from llmgateway.controlplane.onboarding.service import install
from llmgateway.db.embedded import embedded_postgres
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.crypto import keyed_hash
from llmgateway.kit.ids import new_id
from llmgateway.settings import load_settings

SIZES = (10, 1_000, 100_000)
ALIAS = "mine"
_USED = 1_000
"""Keys that the load takes in turn, where there are so many."""
_FIRST = 200
"""Keys whose first use is timed."""
_KINDS = {"orgs": "org", "keys": "key", "secrets": "sec", "routes": "rte"}
_TARGET = {"targets": [{"provider": "openai", "model": "gpt-4.1"}]}

_ROWS = (
    """
    INSERT INTO organisations (id, name, slug, plan, created_at)
    SELECT id, id, replace(id, '_', '-'), 'self_hosted', now() FROM unnest(CAST(:orgs AS text[])) id""",
    """
    INSERT INTO api_keys (id, org_id, name, test, prefix, last4, requests_per_minute, tokens_per_minute, concurrency, created_at)
    SELECT id, org, 'bench', false, 'lgw_live_', '0000', 1000000000, 1000000000000, 100000, now()
    FROM unnest(CAST(:keys AS text[]), CAST(:orgs AS text[])) one (id, org)""",
    """
    INSERT INTO key_secrets (id, key_id, org_id, secret_hash, prefix, last4, created_at)
    SELECT id, key, org, hash, 'lgw_live_', '0000', now()
    FROM unnest(CAST(:secrets AS text[]), CAST(:keys AS text[]), CAST(:orgs AS text[]), CAST(:hashes AS bytea[]))
        one (id, key, org, hash)""",
    """
    INSERT INTO routes (id, org_id, alias, definition, created_at, updated_at)
    SELECT id, org, :alias, CAST(:target AS jsonb), now(), now()
    FROM unnest(CAST(:routes AS text[]), CAST(:orgs AS text[])) one (id, org)""",
)
"""Organisations, their keys, the keys' secrets, their routes."""


def growth(table: Table, seconds: float, sizes: tuple[int, ...], folder: Path) -> None:
    """Add the figures of each size, on a fresh installation each time."""
    with nginx(folder) as upstream:
        for size in sizes:
            below = folder / f"of-{size}"
            below.mkdir()
            installation = Installation(below)
            with installation.serving(upstream):
                keys = asyncio.run(_fill(installation, size))
            with installation.serving(upstream) as server:
                table.add(Row(f"{size:,} of each: start to ready", server.start_seconds, "s", budget=3))
                _measure(table, f"{size:,} of each", server, keys, seconds, below)


def _measure(table: Table, what: str, server: Server, keys: list[str], seconds: float, folder: Path) -> None:
    spread = keys[:: max(1, len(keys) // _USED)][:_USED]
    first = [_first_use(server, key) for key in spread[:_FIRST]]
    client = Client(openai_request(ALIAS), "none", folder, others=tuple(spread))
    client.run(server, connections=8, seconds=2)
    load = client.run(server, connections=32, seconds=seconds)
    table.add(Row(f"{what}: first use of a key, median", statistics.median(first) * 1000, "ms"))
    table.add(Row(f"{what}: requests of {len(spread):,} keys, 32 connections", load.requests_per_second, "requests/s"))
    table.add(Row(f"{what}: CPU per request", load.cpu_us, "us"))
    table.add(Row(f"{what}: 32 connections, p99", load.p99_ms, "ms"))
    table.add(Row(f"{what}: memory after load", server.resident_megabytes(), "MB"))


def _first_use(server: Server, key: str) -> float:
    """Seconds of one request."""
    asked = openai_request(ALIAS)
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    request = urllib.request.Request(server.url + asked.path, asked.body.encode(), headers, method="POST")
    begun = time.perf_counter()
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()
    return time.perf_counter() - begun


async def _fill(installation: Installation, count: int) -> list[str]:
    """Organisations, each with a key and a route; gives the keys."""
    settings, clock = load_settings(installation.whole_environment), SystemClock()
    async with open_database(settings, Role.ADMIN) as admin:
        pepper, _ = await install(admin, clock, settings)
    with embedded_postgres(settings.data_dir) as url:
        database = Database(url, seconds=600)
        try:
            return await _copy(database, pepper, count)
        finally:
            await database.close()


async def _copy(database: Database, pepper: bytes, count: int) -> list[str]:
    now, made = datetime.now(UTC), [new_secret(test=False) for _ in range(count)]
    values: dict[str, object] = {
        **{name: [new_id(kind, now) for _ in made] for name, kind in _KINDS.items()},
        "hashes": [keyed_hash(pepper, secret) for secret in made],
        "alias": ALIAS,
        "target": json.dumps(_TARGET),
    }
    async with database.transaction() as tx:
        for statement in _ROWS:
            await tx.execute(text(statement), {name: values[name] for name in re.findall(r":(\w+)", statement)})
        await tx.execute(text("ANALYZE"))
    return made
