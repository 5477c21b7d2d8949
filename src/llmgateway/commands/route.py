"""`llmgateway route`: who would be asked for a request, in which order, and why."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from llmgateway.app import read_gateway_file
from llmgateway.canon.call import Call, Wishes
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object
from llmgateway.catalog.catalog import load_catalog
from llmgateway.catalog.tokens import Tokenizer
from llmgateway.commands.config import ConfigOption
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot
from llmgateway.controlplane.keys.source import snapshot_of
from llmgateway.data_wing import DIALECTS, ENTRANCES
from llmgateway.dataplane.plan.forecast import Forecast
from llmgateway.dataplane.plan.health import Health
from llmgateway.dataplane.plan.router import Router
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.errors import ConfigurationError, NotFound, Problem
from llmgateway.kit.clock import SystemClock
from llmgateway.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, help="How requests find their targets.")

_HELLO: Json = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1024}
_ANYBODY = KeySnapshot(id="", name="", org=OrgSnapshot(id="", slug="", plan="self_hosted"))


@app.callback()
def group() -> None:
    """How requests find their targets."""


@app.command()
def explain(
    model: Annotated[
        str | None, typer.Option("--model", help="The name asked for; default the body's `model`.")
    ] = None,
    body: Annotated[
        Path | None, typer.Option("--body", help="The request's JSON, - reads stdin; default a hello.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="As this key (key_...); default one that may do all.")
    ] = None,
    endpoint: Annotated[str, typer.Option("--endpoint", help="Where it would be sent.")] = "/v1/chat/completions",
    drop: Annotated[bool, typer.Option("--drop", help="With `x-llmgateway-unsupported: drop`.")] = False,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the plan of a request without sending it; exit code 1 when nobody could serve it."""
    settings = load_settings(os.environ, config)
    snapshot = _ANYBODY if key is None else asyncio.run(_snapshot(settings, key))
    kit = forecast_of(settings)
    try:
        call = _read(_body(body, model), endpoint, Wishes(drop_unsupported=drop))
        explained = kit.explained(call, snapshot)
    except Problem as problem:
        refused = {"status": problem.http_status, "code": problem.code, "message": problem.message}
        typer.echo(
            json.dumps({"refused": refused}) if as_json else f"refused with {problem.http_status}: {problem.message}"
        )
        raise typer.Exit(1) from problem
    typer.echo(json.dumps(explained) if as_json else _text(explained))


def forecast_of(settings: Settings) -> Forecast:
    """What plans are made with, of a process that serves nobody."""
    catalog, clock = load_catalog(), SystemClock()
    file, hosts = read_gateway_file(settings)
    return Forecast(Router(hosts, file, catalog, Health(clock), clock), catalog, Tokenizer(), clock)


async def _snapshot(settings: Settings, key_id: str) -> KeySnapshot:
    async with open_database(settings, Role.ADMIN) as database, database.transaction() as tx:
        try:
            return await snapshot_of(tx, SystemClock(), key_id)
        except NotFound as error:
            raise ConfigurationError(error.message) from error


def _body(path: Path | None, model: str | None) -> Json:
    """The request's body, with the model's name in it."""
    content: object = _HELLO
    if path is not None:
        try:
            content = json.loads(sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes())
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ConfigurationError(f"{path}: is not JSON: {error}") from error
    if not is_object(content):
        raise ConfigurationError(f"{path}: is not a JSON object")
    if model is None and "model" not in content:
        raise ConfigurationError("Which model? Give --model, or a --body with a `model` in it.")
    return content if model is None else {**content, "model": model}


def _read(body: Json, endpoint: str, wishes: Wishes) -> Call:
    if endpoint not in ENTRANCES:
        raise ConfigurationError(f"There is no endpoint {endpoint!r}. Use one of {', '.join(ENTRANCES)}.")
    operation, dialect = ENTRANCES[endpoint]
    return DIALECTS[dialect].read(operation, json.dumps(body).encode(), wishes)


def _text(explained: dict[str, Any]) -> str:
    needs = f", needs {', '.join(explained['needs'])}" if explained["needs"] else ""
    head = f"{explained['model']}: {explained['strategy'] or 'no alias'}, about {explained['prompt_tokens']:,} tokens{needs}"
    lines = [head]
    for place, entry in enumerate(explained["plan"], 1):
        cost = "unpriced" if entry["expected_cost_usd"] is None else f"${entry['expected_cost_usd']}"
        room = "?" if entry["context_tokens"] is None else f"{entry['context_tokens']:,}"
        dropped = f"  leaves out {', '.join(entry['dropped'])}" if entry["dropped"] else ""
        lines.append(f"{place:>3}. {entry['target']}  ({entry['credential']})  {entry['why']}")
        lines.append(f"     {cost}  context {room}  health {entry['health']}{dropped}")
    lines += [f"  -  {entry['target']}  passed over: {entry['why']}" for entry in explained["passed_over"]]
    return "\n".join(lines)
