"""`llmgateway providers`: who can be asked, and whether a key works."""

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from llmgateway.app import read_gateway_file
from llmgateway.commands.config import PASSWORD_IN_URL, ConfigOption
from llmgateway.dataplane.dispatch.probing import NO_FREE_CALL, probe
from llmgateway.dataplane.plan.hosts import Host
from llmgateway.errors import ConfigurationError
from llmgateway.kit.http import HttpClient
from llmgateway.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The providers of this installation.")


def _hosts(config: Path | None) -> list[Host]:
    _, hosts = read_gateway_file(load_settings(os.environ, config))
    return list(hosts.values())


@app.command("list")
def list_providers(
    config: ConfigOption = None, as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False
) -> None:
    """Every provider, its address, and whether it has a credential."""
    rows = [
        {
            "id": host.id,
            "title": host.provider.title,
            "base_url": PASSWORD_IN_URL.sub("***", host.base_url),
            "ready": not host.missing,
            "missing": host.missing or None,
            "operations": sorted(host.provider.endpoints),
            "docs": host.provider.docs,
        }
        for host in _hosts(config)
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        where = f"ready: {row['base_url']}"
        typer.echo(f"{row['id']:<14} {row['missing'] or where}")


@app.command()
def check(
    provider: Annotated[str | None, typer.Argument(help="Only this one; default all with a credential.")] = None,
    config: ConfigOption = None,
) -> None:
    """Try each configured credential with a free call. Exit code 1 when one does not work."""
    every = _hosts(config)
    named = [host for host in every if provider in {None, host.id}]
    if not named:
        raise ConfigurationError(f"There is no provider {provider!r}: it is one of {', '.join(h.id for h in every)}.")
    hosts = [host for host in named if not host.missing]
    if not hosts:
        raise ConfigurationError(named[0].missing)
    results = asyncio.run(_check(hosts))
    width = max(len(name) for name, _ in results)
    for name, trouble in results:
        typer.echo(f"{name:<{width}}  {trouble or 'works'}")
    if any(trouble for _, trouble in results if trouble != NO_FREE_CALL):
        raise typer.Exit(1)


async def _check(hosts: Sequence[Host]) -> list[tuple[str, str]]:
    """(credential, what is wrong with it, empty when it works)."""
    async with HttpClient() as client:
        return [
            (credential.id, await probe(client, host, credential)) for host in hosts for credential in host.credentials
        ]
