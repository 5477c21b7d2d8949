"""`python -m bench`: the whole run, in one table, each figure beside its budget."""

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.canned import anthropic_request, openai_request
from bench.gateway import Installation
from bench.load import Client, Load, Streaming, stream
from bench.machine import CannotMeasureError, Server, nginx, pacer, relay, valkey
from bench.report import Row, Table

CHAT = openai_request("openai/gpt-4.1")
STREAMS = {
    "OpenAI to OpenAI, passed through": (openai_request("openai/gpt-4.1", stream=True), 30),
    "Anthropic to Anthropic, passed through": (anthropic_request("anthropic/claude-sonnet-4-5", stream=True), 30),
    "OpenAI client, Anthropic provider, translated": (openai_request("anthropic/claude-sonnet-4-5", stream=True), 60),
    "Anthropic client, OpenAI provider, translated": (anthropic_request("openai/gpt-4.1", stream=True), 60),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard."""

    seconds: float
    streams: int


def main() -> None:
    """Measure, print the table, and write it as JSON where asked."""
    arguments = _arguments()
    plan = Plan(seconds=1, streams=20) if arguments.quick else Plan(arguments.seconds, arguments.streams)
    table = Table()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
            folder = Path(name)
            folder.chmod(0o755)
            environment = {"REDIS_URL": stack.enter_context(valkey())} if arguments.redis else {}
            installation = Installation(folder, environment, arguments.profile)
            _whole_answers(table, plan, installation)
            if not arguments.profile:
                _streamed_answers(table, plan, installation)
    except CannotMeasureError as error:
        sys.exit(f"bench: {error}")
    print(table.text("with Redis" if arguments.redis else "embedded"))
    if arguments.json:
        arguments.json.write_text(json.dumps(table.data(), indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Throughput, added latency, CPU per chunk, memory.")
    parser.add_argument("--seconds", type=float, default=8, help="length of each measurement")
    parser.add_argument("--streams", type=int, default=100, help="streams open at once, at 50 chunks a second each")
    parser.add_argument("--quick", action="store_true", help="a second each: shows that it runs, not how fast")
    parser.add_argument("--redis", action="store_true", help="with limits in a Valkey server")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--profile", nargs="?", const=Path("bench.prof"), type=Path, help="under cProfile, to this file"
    )
    return parser.parse_args()


def _whole_answers(table: Table, plan: Plan, installation: Installation) -> None:
    folder = installation.folder
    with nginx(folder) as upstream:
        direct = _answers(Client(CHAT, "none", folder), upstream, plan)
        table.add(Row("nginx directly, 32 connections", direct[32].requests_per_second, "requests/s"))
        with relay(folder, upstream) as server:
            bare = _answers(Client(CHAT, "none", folder), server, plan)
            table.add(Row("bare relay, 32 connections", bare[32].requests_per_second, "requests/s"))
            table.add(Row("bare relay, CPU per request", bare[32].cpu_us, "us"))
            _latency(table, "bare relay", bare, direct)
        with installation.serving(upstream) as server:
            _gateway_answers(table, plan, installation, server, direct, bare)


def _gateway_answers(
    table: Table, plan: Plan, installation: Installation, server: Server, direct: dict[int, Load], bare: dict[int, Load]
) -> None:
    table.add(Row("first start to ready, database made", server.start_seconds, "s", budget=3))
    started = server.resident_megabytes()
    client = Client(CHAT, installation.make_key(), installation.folder)
    client.check(server, "chatcmpl-bench")
    through = _answers(client, server, plan)
    rate = through[32].requests_per_second
    table.add(
        Row(
            "gateway, 32 connections",
            rate,
            "requests/s",
            budget=2000 if installation.environment else 2500,
            more_is_better=True,
        )
    )
    table.add(Row("gateway : bare relay", rate / bare[32].requests_per_second, "of its rate"))
    table.add(Row("gateway, CPU per request", through[32].cpu_us, "us"))
    _latency(table, "gateway", through, direct)
    table.add(Row("gateway, memory at start", started, "MB"))
    table.add(Row("gateway, memory after load", server.resident_megabytes(), "MB", budget=150))


def _answers(client: Client, server: Server, plan: Plan) -> dict[int, Load]:
    client.run(server, connections=8, seconds=1)
    return {count: client.run(server, connections=count, seconds=plan.seconds) for count in (1, 32)}


def _latency(table: Table, who: str, measured: dict[int, Load], direct: dict[int, Load]) -> None:
    for count, load in measured.items():
        plural = "connection" if count == 1 else "connections"
        budgets = (1, 5) if who == "gateway" and count == 1 else (None, None)
        where = f"{who}, added latency, {count} {plural}"
        table.add(Row(f"{where}, p50", load.p50_ms - direct[count].p50_ms, "ms", budget=budgets[0]))
        table.add(Row(f"{where}, p99", load.p99_ms - direct[count].p99_ms, "ms", budget=budgets[1]))


def _streamed_answers(table: Table, plan: Plan, installation: Installation) -> None:
    folder = installation.folder
    with pacer(folder) as upstream:
        with relay(folder, upstream) as server:
            bare = Client(next(iter(STREAMS.values()))[0], "none", folder)
            _streams(table, "bare relay", stream(bare, server, upstream, streams=plan.streams, seconds=plan.seconds))
        with installation.serving(upstream) as server:
            table.add(Row("second start to ready", server.start_seconds, "s", budget=3))
            key = installation.make_key()
            for name, (request, budget) in STREAMS.items():
                client = Client(request, key, folder)
                client.check(server, "message_stop" if request.path == "/v1/messages" else "[DONE]")
                measured = stream(client, server, upstream, streams=plan.streams, seconds=plan.seconds)
                _streams(table, name, measured, budget)


def _streams(table: Table, name: str, measured: Streaming, budget: float | None = None) -> None:
    note = f"{measured.streams} streams, {measured.chunks_per_second:,.0f} chunks/s, {measured.cpu_share:.0%} of a core"
    table.add(Row(f"CPU per chunk: {name}", measured.microseconds_per_chunk, "us", budget=budget, note=note))


if __name__ == "__main__":
    main()
