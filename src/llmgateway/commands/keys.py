"""`llmgateway keys`: API keys from the command line."""

import asyncio
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Final, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError

from llmgateway.commands.greeting import development_key, login_lines
from llmgateway.contract.snapshot import Limits
from llmgateway.controlplane.keys import service
from llmgateway.controlplane.keys.schemas import MOST_AT_ONCE
from llmgateway.controlplane.onboarding.service import install
from llmgateway.controlplane.orgs import service as orgs
from llmgateway.controlplane.reception.bodies import MOST, Dollars, Name
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.errors import ConfigurationError, NotFound
from llmgateway.kit.clock import SystemClock
from llmgateway.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")

_T = TypeVar("_T")
_DOLLARS: Final = TypeAdapter[int](Dollars)
_NAME: Final = TypeAdapter[str](Name)


def _taken(what: TypeAdapter[_T], text: str) -> _T:
    """What an option says, held to the rules of the API."""
    try:
        return what.validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def _name(text: str) -> str:
    """As the API takes it."""
    return _taken(_NAME, text)


def _dollars(text: str) -> int:
    """Nanos, as the API takes them."""
    return _taken(_DOLLARS, text)


Org = Annotated[str | None, typer.Option("--org", help="Organisation, by id or slug; default the first one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(  # noqa: PLR0913, PLR0917 each parameter is an option of the command
    name: Annotated[str, typer.Option("--name", parser=_name, metavar="TEXT", help="What the key is for.")],
    org: Org = None,
    rpm: Annotated[int | None, typer.Option(min=1, max=MOST, help="Requests a minute.")] = None,
    rph: Annotated[int | None, typer.Option(min=1, max=MOST, help="Requests an hour.")] = None,
    rpd: Annotated[int | None, typer.Option(min=1, max=MOST, help="Requests a day.")] = None,
    tpm: Annotated[int | None, typer.Option(min=1, max=MOST, help="Tokens a minute.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=MOST_AT_ONCE, help="Requests at once.")] = None,
    budget_usd: Annotated[
        int | None, typer.Option(parser=_dollars, metavar="USD", help="Dollars a month (UTC).")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="A test key: the sandbox answers, nothing costs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it once."""
    limits = Limits(
        requests_per_minute=rpm,
        requests_per_hour=rph,
        requests_per_day=rpd,
        tokens_per_minute=tpm,
        concurrency=concurrency,
    )
    wish = service.KeyWish(name=name, test=test, limits=limits, monthly_budget_nanos=budget_usd)
    key_id, secret = asyncio.run(_create(org, wish))
    if as_json:
        typer.echo(json.dumps({"id": key_id, "key": secret}))
    else:
        typer.echo(f"{secret}\n\n{key_id}: keep it now, it is not shown again.")


@app.command("list")
def list_keys(org: Org = None, as_json: AsJson = False) -> None:
    """List an organisation's keys; their secrets are not known any more."""
    rows = asyncio.run(_list(org))
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(
            f"{row['id']}  {row['prefix']}...{row['last4']}  {'revoked' if row['revoked_at'] else 'active':<8} {row['name']}"
        )


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="key_...")]) -> None:
    """End a key at once, everywhere."""
    asyncio.run(_revoke(key_id))
    typer.echo(f"{key_id} is revoked.")


async def _create(org_name: str | None, wish: service.KeyWish) -> tuple[str, str]:
    settings = load_settings(os.environ)
    secret = service.new_secret(test=wish.test)
    clock = SystemClock()
    async with open_database(settings, Role.ADMIN) as database:
        pepper, first = await install(database, clock, settings)
        if first is not None:  # before any `serve`: what it would have said at its first start
            development_key(settings, first)
            typer.echo("\n".join(login_lines(settings, first)), err=True)
        with _known_only():
            async with database.transaction() as tx:
                org = await orgs.find(tx, org_name)
                key = await service.create(tx, clock, org, pepper, wish, secret)
        return key.id, secret


async def _list(org_name: str | None) -> list[dict[str, str | None]]:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database:
        with _known_only():
            async with database.transaction() as tx:
                keys = await service.listed(tx, await orgs.find(tx, org_name))
    return [
        {
            "id": key.id,
            "name": key.name,
            "prefix": key.prefix,
            "last4": key.last4,
            "created_at": key.created_at.isoformat(),
            "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        }
        for key in keys
    ]


async def _revoke(key_id: str) -> None:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database:
        with _known_only():
            async with database.transaction() as tx:
                await service.revoke(tx, SystemClock(), key_id)


@contextmanager
def _known_only() -> Generator[None]:
    """A name that nobody has is one sentence."""
    try:
        yield
    except NotFound as error:
        raise ConfigurationError(error.message) from error
