"""`llmgateway openapi`: the control plane's own description."""

import json
from importlib.metadata import version

import typer

from llmgateway.controlplane.wing import build_api

app = typer.Typer()


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of /api/v1 as JSON."""
    typer.echo(json.dumps(build_api(version("llmgateway")).openapi(), indent=2))
