"""`llmgateway seed`: many organisations, to see how an installation behaves with them."""

import asyncio
import os
import secrets
import sys
import time
from typing import Annotated

import typer

from llmgateway.controlplane.admin.seeding import Seeded, totals
from llmgateway.controlplane.admin.seeding import seed as seed_database
from llmgateway.controlplane.onboarding.service import install
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.errors import ConfigurationError
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.passwords import Passwords
from llmgateway.settings import load_settings

app = typer.Typer()


@app.command()
def seed(
    orgs: Annotated[int, typer.Option(min=1, max=100_000, help="Organisations; each has 3 people and 10 keys.")] = 100,
    yes: Annotated[bool, typer.Option("--yes", help="Also with DATABASE_URL set.")] = False,
) -> None:
    """Make many organisations, for measuring. They are not real: their people share one password, which is printed."""
    settings = load_settings(os.environ)
    if settings.production and not yes:
        raise ConfigurationError(
            "DATABASE_URL is set: seeding is for measuring, not for production. Say --yes if it is."
        )
    password = secrets.token_urlsafe(12)
    begun = time.monotonic()
    made = asyncio.run(_seed(orgs, password))
    typer.echo(f"{', '.join(totals(orgs))} in {time.monotonic() - begun:.1f} s.")
    typer.echo(f"Log in as {made.email} with {password}\nA key: {made.key}")


async def _seed(count: int, password: str) -> Seeded:
    settings, clock, passwords = load_settings(os.environ), SystemClock(), Passwords(1)
    try:
        async with open_database(settings, Role.ADMIN) as database:
            pepper, _ = await install(database, clock, settings)
            hashed = await passwords.hash(password)
            return await seed_database(database, clock, pepper, hashed, count, lambda done: _progress(done, count))
    finally:
        passwords.close()


def _progress(done: int, count: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done:,} of {count:,} organisations" + ("\n" if done == count else ""))
        sys.stderr.flush()
