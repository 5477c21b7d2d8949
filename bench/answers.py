"""Whole answers on one core: rate, added latency, memory and start, beside nginx itself and a bare relay."""

from bench.canned import openai_request
from bench.gateway import Installation
from bench.load import Client, Load
from bench.machine import Server, nginx, relay
from bench.report import Row, Table

CHAT = openai_request("openai/gpt-4.1")
CONNECTIONS = (1, 32)


def whole_answers(table: Table, seconds: float, installation: Installation) -> None:
    """Add the rows of one installation: embedded, or with its limits in Redis."""
    folder = installation.folder
    with nginx(folder) as upstream:
        direct = _answers(Client(CHAT, "none", folder), upstream, seconds)
        table.add(Row("nginx directly, 32 connections", direct[32].requests_per_second, "requests/s"))
        with relay(folder, upstream) as server:
            bare = _answers(Client(CHAT, "none", folder), server, seconds)
            table.add(Row("bare relay, 32 connections", bare[32].requests_per_second, "requests/s"))
            table.add(Row("bare relay, CPU per request", bare[32].cpu_us, "us"))
            _latency(table, "bare relay", bare, direct)
        with installation.serving(upstream) as server:
            _gateway(table, seconds, installation, server, direct, bare)


def _gateway(
    table: Table,
    seconds: float,
    installation: Installation,
    server: Server,
    direct: dict[int, Load],
    bare: dict[int, Load],
) -> None:
    table.add(Row("first start to ready, database made", server.start_seconds, "s", budget=3))
    started = server.resident_megabytes()
    client = Client(CHAT, installation.make_key(), installation.folder)
    client.check(server, "chatcmpl-bench")
    through = _answers(client, server, seconds)
    rate, budget = through[32].requests_per_second, 2000 if installation.environment else 2500
    table.add(Row("gateway, 32 connections", rate, "requests/s", budget=budget, more_is_better=True))
    table.add(Row("gateway : bare relay", rate / bare[32].requests_per_second, "of its rate"))
    table.add(Row("gateway, CPU per request", through[32].cpu_us, "us"))
    _latency(table, "gateway", through, direct)
    table.add(Row("gateway, memory at start", started, "MB"))
    table.add(Row("gateway, memory after load", server.resident_megabytes(), "MB", budget=150))


def _answers(client: Client, server: Server, seconds: float) -> dict[int, Load]:
    client.run(server, connections=8, seconds=1)
    return {count: client.run(server, connections=count, seconds=seconds) for count in CONNECTIONS}


def _latency(table: Table, who: str, measured: dict[int, Load], direct: dict[int, Load]) -> None:
    for count, load in measured.items():
        plural = "connection" if count == 1 else "connections"
        budgets = (1, 5) if who == "gateway" and count == 1 else (None, None)
        where = f"{who}, added latency, {count} {plural}"
        table.add(Row(f"{where}, p50", load.p50_ms - direct[count].p50_ms, "ms", budget=budgets[0]))
        table.add(Row(f"{where}, p99", load.p99_ms - direct[count].p99_ms, "ms", budget=budgets[1]))
