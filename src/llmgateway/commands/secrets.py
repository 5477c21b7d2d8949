"""`llmgateway secrets`: the keys that seal everything else."""

import asyncio
import os

import typer

from llmgateway.controlplane.admin.rotation import Rotated, rotate
from llmgateway.controlplane.onboarding.service import master_keys
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.errors import ConfigurationError
from llmgateway.kit.crypto import CannotOpen
from llmgateway.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Master keys.")


@app.callback()
def group() -> None:
    """Master keys."""


@app.command("rotate")
def rotate_secrets() -> None:
    """Seal everything again with the first key of LLMGATEWAY_SECRET_KEY; the others can be taken off the list afterwards."""
    try:
        done = asyncio.run(_rotate())
    except CannotOpen as error:
        raise ConfigurationError(
            f"Something is {error}. Put the old key behind the new one in LLMGATEWAY_SECRET_KEY, and run this again."
        ) from error
    typer.echo(
        f"Sealed again: {done.peppers} pepper, {done.data_keys} data keys, {done.second_factors} second factors. "
        "When every process runs with the new list, the old keys can go."
    )


async def _rotate() -> Rotated:
    settings = load_settings(os.environ)
    async with open_database(settings, Role.ADMIN) as database:
        return await rotate(database, master_keys(settings))
