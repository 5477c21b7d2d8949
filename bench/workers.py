"""Two processes behind one port (`serve --workers 2`), with PostgreSQL and Valkey of their own, beside one process on the same stores.

Client and upstream have no core of their own here, so on a machine with two cores the second process is worth less than another core.
"""

import re
import subprocess
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bench.answers import CHAT
from bench.gateway import COMMAND, PATIENT, Installation
from bench.load import Client
from bench.machine import Server, nginx, valkey
from bench.report import Row, Table
from llmgateway.db.embedded import embedded_postgres

CONNECTIONS = 64


def two_processes(table: Table, seconds: float, folder: Path) -> None:
    """Add the rate of one process and of two, all cores open to everybody."""
    with nginx(folder) as upstream, _stores(folder) as environment:
        rates = dict[int, float]()
        for count, who in ((1, "one process"), (2, "two processes")):
            installation = Installation(folder, environment, workers=count, core=None)
            with installation.serving(upstream) as server:
                client = Client(CHAT, installation.make_key(), folder)
                client.check(server, "chatcmpl-bench")
                client.run(server, connections=CONNECTIONS, seconds=2)
                load = client.run(server, connections=CONNECTIONS, seconds=seconds)
                rates[count] = load.requests_per_second
                where = f"{who}, {CONNECTIONS} connections"
                table.add(Row(where, load.requests_per_second, "requests/s"))
                table.add(Row(f"{where}, p50", load.p50_ms, "ms"))
                table.add(Row(f"{where}, p99", load.p99_ms, "ms"))
                table.add(Row(f"{who}, memory after load", _resident_megabytes(server), "MB"))
        table.add(Row("two processes : one process", rates[2] / rates[1], "of its rate"))


@contextmanager
def _stores(folder: Path) -> Generator[dict[str, str]]:
    """What several processes need: a PostgreSQL, migrated, a Valkey, and secrets."""
    with embedded_postgres(folder / "database", serving=True) as url, valkey() as redis:
        environment = {"DATABASE_URL": url, "REDIS_URL": redis}
        environment |= {
            **PATIENT,
            "LLMGATEWAY_SECRET_KEY": "b" * 32,
            "JWT_SECRET_KEY": "b" * 32,
        }
        subprocess.run([COMMAND, "migrate"], env=Installation(folder, environment).whole_environment, check=True)
        yield environment


def _resident_megabytes(server: Server) -> float:
    """Of all processes behind the port, as they tell themselves."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        found = re.search(r"^llmgateway_resident_memory_bytes (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) / 1e6 if found else 0.0
