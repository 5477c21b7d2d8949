"""`llmgateway operators`: who runs the installation at /api/v1/admin and on the dashboard."""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.admin.operators import appoint, listed, reset_password
from llmgateway.controlplane.onboarding.service import install, welcome_operator
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.errors import ConfigurationError, Problem
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.entries import mail_address
from llmgateway.kit.passwords import hashed_once
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
def create(email: Email) -> None:
    """Make an account that is an operator, with a password shown once; the first one owns the first organisation."""
    try:
        address = mail_address(email)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    password = secrets.token_urlsafe(12)
    org = asyncio.run(_create(address, password))
    owns = f" and the owner of {org}" if org is not None else ""
    typer.echo(f"{address} is an operator{owns}. The password is {password}\nIt is not shown again.")


@app.command()
def remove(email: Email) -> None:
    """Take that away, at once."""
    asyncio.run(_appoint(email, operator=False))
    typer.echo(f"{email} is no operator any more.")


@app.command("reset-password")
def reset(email: Email) -> None:
    """Give somebody who is locked out a new password, shown once; ends their sessions and their second factor."""
    password = secrets.token_urlsafe(12)
    asyncio.run(_reset(email, password))
    typer.echo(f"The password of {email} is now {password}\nIt is not shown again.")


async def _list() -> list[str]:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database, database.transaction() as tx:
        return list(await listed(tx))


async def _create(address: str, password: str) -> str | None:
    settings, clock, hashed = load_settings(os.environ), SystemClock(), await hashed_once(password)
    async with open_database(settings, Role.ADMIN) as database:
        await install(database, clock, settings)
        with _in_one_sentence():
            async with database.transaction() as tx:
                return await welcome_operator(tx, clock, address, hashed)


async def _appoint(email: str, *, operator: bool) -> None:
    async with _deciding() as tx:
        await appoint(tx, SystemClock(), email, operator=operator)


async def _reset(email: str, password: str) -> None:
    hashed = await hashed_once(password)
    async with _deciding() as tx:
        await reset_password(tx, SystemClock(), email, hashed)


@asynccontextmanager
async def _deciding() -> AsyncGenerator[AsyncSession]:
    """A transaction of the operator's; what it refuses is one sentence."""
    async with open_database(load_settings(os.environ), Role.ADMIN) as database:
        with _in_one_sentence():
            async with database.transaction() as tx:
                yield tx


@contextmanager
def _in_one_sentence() -> Generator[None]:
    try:
        yield
    except Problem as error:
        raise ConfigurationError(error.message) from error
