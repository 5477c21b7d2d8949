"""`llmgateway migrate`: the schema, brought up to date."""

import os

import typer

from llmgateway.db.embedded import embedded_postgres
from llmgateway.db.opening import migrate as bring_up_to_date
from llmgateway.db.opening import newest_revision
from llmgateway.settings import load_settings

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date; run it before a newer version serves."""
    settings = load_settings(os.environ)
    url = settings.database_migration_url or settings.database_url
    if url is None:
        with embedded_postgres(settings.data_dir) as embedded:
            found = bring_up_to_date(embedded)
    else:
        found = bring_up_to_date(url, settings.database_url)
    newer = found != newest_revision()
    typer.echo(f"The schema is at {found}{', newer than this version, which can run on it' if newer else ''}.")
