"""`python -m bench.peers`: the same load on other gateways, each on the core that ours gets, so that a reader can check our claim.

LiteLLM's proxy (PyPI) and Portkey's gateway (npm) are installed in a folder of their own, asked for a chat completion with the same
body, and answered by the same nginx. They are measured as they come: one process, their own defaults, one model, no database; ours has
authentication, every kind of limit, metering, prices, metrics and a journal on, and PostgreSQL beside it on the same core.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.canned import openai_request
from bench.gateway import Installation
from bench.load import Client
from bench.machine import SERVED, CannotMeasureError, Server, find, free_port, nginx, relay, serving
from bench.report import Machine, Row, Table, record
from deploy.local.throwaway import throwaway_folder

LITELLM, PORTKEY = "1.106.0", "1.15.2"
"""The versions that are measured."""
_MASTER_KEY = "sk-bench"


def main() -> None:
    """Install them where they are missing, measure all in one run, print."""
    parser = argparse.ArgumentParser(prog="bench.peers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="length of each measurement")
    parser.add_argument("--folder", type=Path, default=Path(".peers"), help="where they are installed")
    parser.add_argument(
        "--record", action="store_true", help="keep them for docs/benchmarks.md, which `make docs` writes"
    )
    arguments = parser.parse_args()
    table = Table()
    try:
        _install(arguments.folder.resolve())
        machine = Machine.here()
        with throwaway_folder("bench") as folder, nginx(folder) as upstream:
            _measure(table, folder, arguments.folder.resolve(), upstream, arguments.seconds)
    except CannotMeasureError as error:
        sys.exit(f"bench: {error}")
    print(table.text("beside its peers, one core"))
    if arguments.record:
        record("peers", 'make bench-peers BENCH="--record"', machine, table)


def _install(folder: Path) -> None:
    litellm, portkey = folder / f"litellm-{LITELLM}", folder / f"portkey-{PORTKEY}"
    if not litellm.exists():
        print(f"Installing LiteLLM {LITELLM} in {litellm} ...", flush=True)
        _run(sys.executable, "-m", "venv", str(litellm))
        _run(str(litellm / "bin/pip"), "install", "--quiet", f"litellm[proxy]=={LITELLM}")
    if not portkey.exists():
        print(f"Installing Portkey {PORTKEY} in {portkey} ...", flush=True)
        npm = find("npm")
        _run(
            npm,
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(portkey),
            f"@portkey-ai/gateway@{PORTKEY}",
        )


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMeasureError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def _measure(table: Table, folder: Path, installed: Path, upstream: Server, seconds: float) -> None:
    ours = openai_request("openai/gpt-4.1")
    direct = Client(ours, "none", folder).run(upstream, connections=1, seconds=2)
    with relay(folder, upstream) as server:
        _row(table, "bare relay", Client(ours, "none", folder), server, direct.p50_ms, seconds)
    with _litellm(installed / f"litellm-{LITELLM}", folder, upstream) as server:
        _row(
            table,
            f"LiteLLM {LITELLM}",
            Client(openai_request("gpt-4.1"), _MASTER_KEY, folder),
            server,
            direct.p50_ms,
            seconds,
        )
    with _portkey(installed / f"portkey-{PORTKEY}", folder) as server:
        headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream.url}/v1"}
        client = Client(replace(openai_request("gpt-4.1"), headers=headers), "none", folder)
        _row(table, f"Portkey {PORTKEY}", client, server, direct.p50_ms, seconds)
    installation = Installation(folder)
    with installation.serving(upstream) as server:
        _row(table, "llmgateway", Client(ours, installation.make_key(), folder), server, direct.p50_ms, seconds)


def _row(table: Table, who: str, client: Client, server: Server, direct_ms: float, seconds: float) -> None:
    client.check(server, "So that cost and failure")
    client.run(server, connections=8, seconds=3)
    alone = client.run(server, connections=1, seconds=seconds)
    busy = client.run(server, connections=32, seconds=seconds)
    table.add(Row(f"{who}, 32 connections", busy.requests_per_second, "requests/s"))
    table.add(Row(f"{who}, added latency, 1 connection, p50", alone.p50_ms - direct_ms, "ms"))
    table.add(Row(f"{who}, 32 connections, p99", busy.p99_ms, "ms"))
    table.add(Row(f"{who}, memory after load", server.resident_megabytes(), "MB"))


@contextmanager
def _litellm(installed: Path, folder: Path, upstream: Server) -> Generator[Server]:
    port = free_port()
    configuration = folder / "litellm.yaml"
    configuration.write_text(f"""
model_list:
  - model_name: gpt-4.1
    litellm_params: {{model: openai/gpt-4.1, api_base: "{upstream.url}/v1", api_key: bench}}
general_settings: {{master_key: {_MASTER_KEY}}}
""")
    command = [
        str(installed / "bin/litellm"),
        "--config",
        str(configuration),
        "--port",
        str(port),
        "--num_workers",
        "1",
    ]
    offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "NO_DOCS": "True"}
    ready, log = "/health/liveliness", folder / "litellm.log"
    with serving(command, port, core=SERVED, ready=ready, environment=offline, log=log) as server:
        yield server


@contextmanager
def _portkey(installed: Path, folder: Path) -> Generator[Server]:
    port = free_port()
    script = installed / "node_modules/@portkey-ai/gateway/build/start-server.js"
    command = [shutil.which("node") or find("node"), str(script), f"--port={port}", "--headless"]
    with serving(command, port, core=SERVED, ready="/", log=folder / "portkey.log") as server:
        yield server


if __name__ == "__main__":
    main()
