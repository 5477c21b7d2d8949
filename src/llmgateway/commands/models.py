"""`llmgateway models`: what the catalogue knows."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import typer

from llmgateway.catalog.catalog import Catalog, Model, load_catalog

app = typer.Typer(no_args_is_help=True, help="Models, what they can do and what they cost.")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]


@app.command("list")
def list_models(
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None, as_json: AsJson = False
) -> None:
    """List the models that have a price, with the price of the first tier."""
    catalog = load_catalog()
    models = catalog.models(provider)
    if not models:
        raise typer.BadParameter(
            f"The catalogue has no price list of {provider!r}. Its models can be used all the same, unpriced, or with a "
            "`price` of your own in gateway.yaml."
        )
    if as_json:
        typer.echo(json.dumps([_described(model, catalog) for model in models]))
        return
    for model in models:
        prices = model.prices or {}
        typer.echo(
            f"{model.provider}/{model.name}  context {model.context_window or '?'}  "
            f"in ${prices.get('input_mtok', '?')}  out ${prices.get('output_mtok', '?')} per million"
        )


@app.command()
def show(name: Annotated[str, typer.Argument(help="provider/model or a bare name.")], as_json: AsJson = False) -> None:
    """Show one model wherever it can be had: size, abilities, prices and the pages that say so."""
    catalog = load_catalog()
    found = _found(name, catalog)
    if not found:
        raise typer.BadParameter(f"The catalogue does not know {name!r}. `llmgateway models list` shows what it knows.")
    described = [_described(model, catalog) for model in found]
    typer.echo(json.dumps(described) if as_json else "\n\n".join(map(_text, described)))


def _found(name: str, catalog: Catalog) -> Sequence[Model]:
    provider, _, model = name.partition("/")
    exact = catalog.find(provider, model) if model else None
    return [exact] if exact else catalog.resolve(name)


def _described(model: Model, catalog: Catalog) -> dict[str, Any]:
    return {
        "provider": model.provider,
        "name": model.name,
        "maker": model.maker,
        "context_window": model.context_window,
        "max_output": model.max_output,
        "abilities": None if model.abilities is None else sorted(model.abilities),
        "prices": None if model.prices is None else _strings(model.prices),
        "tiers": {str(start): _strings(prices) for start, prices in model.tiers.items()},
        "price_version": catalog.version if model.prices else None,
        "sources": list(model.sources),
    }


def _strings(prices: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: str(price) for name, price in prices.items()}


def _text(described: dict[str, Any]) -> str:
    prices = described["prices"]
    lines = {
        "maker": described["maker"] or "unknown",
        "context window": _tokens(described["context_window"]),
        "longest answer": _tokens(described["max_output"]),
        "abilities": "unknown" if described["abilities"] is None else ", ".join(described["abilities"]) or "none",
        "prices": "unpriced" if prices is None else "free" if not prices else _dollars(prices),
        **{f"over {int(start):,}": _dollars(tier) for start, tier in described["tiers"].items()},
        "price version": described["price_version"] or "none",
        "sources": " ".join(described["sources"]) or "none",
    }
    head = f"{described['provider']}/{described['name']}"
    return "\n".join([head, *(f"  {name:<15} {value}" for name, value in lines.items())])


def _tokens(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,} tokens"


def _dollars(prices: dict[str, str]) -> str:
    return ", ".join(f"{name} ${price}" for name, price in prices.items())
