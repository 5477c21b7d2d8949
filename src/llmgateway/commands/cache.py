"""`llmgateway cache`: cached answers."""

import asyncio
import os
from typing import Annotated

import typer

from llmgateway.contract.channels import CachePurged
from llmgateway.controlplane.orgs import service as orgs
from llmgateway.controlplane.reception.announcing import announce_purge
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.errors import ConfigurationError, NotFound
from llmgateway.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Cached answers.")


@app.callback()
def group() -> None:
    """Cached answers."""


@app.command()
def purge(
    org: Annotated[
        str | None, typer.Option("--org", help="Organisation, by id or slug; default the first one.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Only answers to this key (key_...).")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only of this model, as it was asked for.")] = None,
) -> None:
    """Have every serving process forget an organisation's answers, also those that are on their way now."""
    slug = asyncio.run(_purge(org, key, model))
    typer.echo(
        f"The cached answers of {slug} are forgotten{f', of {model}' if model else ''}{f', to {key}' if key else ''}."
    )


async def _purge(name: str | None, key: str | None, model: str | None) -> str:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database, database.transaction() as tx:
        try:
            org = await orgs.find(tx, name)
        except NotFound as error:
            raise ConfigurationError(error.message) from error
        await announce_purge(tx, CachePurged(org.id, key, model))
        return org.slug
