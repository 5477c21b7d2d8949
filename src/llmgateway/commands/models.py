"""`llmgateway models`: what the catalogue knows."""

import json
from typing import Annotated, Any

import typer

from llmgateway.catalog.catalog import Model, load_catalog
from llmgateway.errors import NotFound

app = typer.Typer(no_args_is_help=True, help="Models, their sizes and prices.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None, as_json: AsJson = False
) -> None:
    """List the models."""
    models = load_catalog().models(provider)
    if as_json:
        typer.echo(json.dumps([_shown(model) for model in models]))
        return
    for model in models:
        prices = model.prices or {}
        typer.echo(
            f"{model.provider}/{model.name}  context {model.context_window or '?'}  "
            f"in ${prices.get('input_mtok', '?')}  out ${prices.get('output_mtok', '?')} per million"
        )


@app.command()
def show(name: Annotated[str, typer.Argument(help="provider/model or a bare name.")], as_json: AsJson = False) -> None:
    """Show one model wherever it can be had."""
    catalog = load_catalog()
    provider, _, model = name.partition("/")
    exact = catalog.find(provider, model) if model else None
    found = [exact] if exact else catalog.resolve(name)
    if not found:
        raise NotFound(f"The catalogue does not know {name!r}. `llmgateway models list` shows what it knows.")
    shown = [_shown(each) for each in found]
    typer.echo(json.dumps(shown if not as_json or len(shown) > 1 else shown[0], indent=None if as_json else 2))


def _shown(model: Model) -> dict[str, Any]:
    return {
        "provider": model.provider,
        "name": model.name,
        "context_window": model.context_window,
        "max_output": model.max_output,
        "prices": None if model.prices is None else {name: str(price) for name, price in model.prices.items()},
    }
