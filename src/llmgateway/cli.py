"""The command line: gathers the commands and turns what stops them into one sentence."""

import sys

import typer

from llmgateway.commands import (
    cache,
    config,
    keys,
    ledger,
    migrate,
    models,
    openapi,
    operators,
    providers,
    route,
    secrets,
    seed,
    serve,
    stripe,
    usage,
    worker,
)
from llmgateway.errors import ConfigurationError

cli = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="One key, every model."
)
for command in (serve, worker, migrate, openapi, seed):
    cli.add_typer(command.app)
for name, group in (
    ("cache", cache),
    ("config", config),
    ("keys", keys),
    ("ledger", ledger),
    ("models", models),
    ("operators", operators),
    ("providers", providers),
    ("route", route),
    ("secrets", secrets),
    ("stripe", stripe),
    ("usage", usage),
):
    cli.add_typer(group.app, name=name)


def main() -> None:
    """Run a command; a wrong configuration is one sentence and exit code 2."""
    try:
        cli()
    except ConfigurationError as error:
        sys.stderr.write(f"llmgateway: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
