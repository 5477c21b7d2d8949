"""`llmgateway operators`: who runs the installation at /api/v1/admin and on the dashboard."""

import asyncio
import json
import os
from typing import Annotated

import typer

from llmgateway.controlplane.admin.operators import appoint, listed
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.errors import ConfigurationError, Problem
from llmgateway.kit.clock import SystemClock
from llmgateway.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Who runs the installation.")

Email = Annotated[str, typer.Argument(help="The address of somebody's account.")]


@app.command("list")
def list_operators(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Their addresses."""
    emails = asyncio.run(_list())
    typer.echo(json.dumps(emails) if as_json else "\n".join(emails))


@app.command()
def add(email: Email) -> None:
    """Let somebody see all organisations, assign plans and suspend. They never see contents."""
    asyncio.run(_appoint(email, operator=True))
    typer.echo(f"{email} is an operator.")


@app.command()
def remove(email: Email) -> None:
    """Take that away, at once."""
    asyncio.run(_appoint(email, operator=False))
    typer.echo(f"{email} is no operator any more.")


async def _list() -> list[str]:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database, database.transaction() as tx:
        return list(await listed(tx))


async def _appoint(email: str, *, operator: bool) -> None:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database, database.transaction() as tx:
        try:
            await appoint(tx, SystemClock(), email, operator=operator)
        except Problem as error:
            raise ConfigurationError(error.message) from error
