"""`llmgateway models`: what the catalogue knows, and what it knew."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import typer

from llmgateway.catalog.catalog import Catalog, Model, load_catalog
from llmgateway.contract.usage import LACKING
from llmgateway.controlplane.usage import price_versions
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Models, what they can do and what they cost.")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array.")]


@app.command("list")
def list_models(
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None, as_json: AsJson = False
) -> None:
    """List the models that have a price: context window, and dollars for a million tokens in the first tier."""
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
    width = max(len(f"{model.provider}/{model.name}") for model in models)
    for model in models:
        size = "" if model.context_window is None else f"{model.context_window:,}"
        typer.echo(f"{f'{model.provider}/{model.name}':<{width}}  {size:>10}  {_short_price(model)}")


@app.command()
def versions(as_json: AsJson = False) -> None:
    """List the versions of the prices that this installation has used. Each is kept for good."""
    found = asyncio.run(_versions())
    if as_json:
        typer.echo(json.dumps([{"version": name, "used_since": since.isoformat()} for name, since in found]))
        return
    if not found:
        typer.echo("None yet: the first start of the gateway notes the first one.")
    for name, since in found:
        typer.echo(f"{since:%Y-%m-%d}  {name}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="provider/model or a bare name.")],
    version: Annotated[
        str | None, typer.Option(help="Its prices in this version, as the price_version of an event names it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show one model wherever it can be had: size, abilities, prices and the pages that say so."""
    if version is not None:
        _show_version(name, version, as_json=as_json)
        return
    catalog = load_catalog()
    found = _found(name, catalog)
    if not found:
        raise typer.BadParameter(f"The catalogue does not know {name!r}. `llmgateway models list` shows what it knows.")
    described = [_described(model, catalog) for model in found]
    typer.echo(json.dumps(described) if as_json else "\n\n".join(map(_text, described)))


def _show_version(name: str, version: str, *, as_json: bool) -> None:
    lists = asyncio.run(_prices_of(name, version))
    if lists is None:
        raise typer.BadParameter(
            f"No request was priced by {version!r}. `llmgateway models versions` lists those used."
        )
    if not lists:
        raise typer.BadParameter(f"{version} has no price list of {name!r}. Name it as provider/model.")
    typer.echo(json.dumps(lists) if as_json else "\n".join([f"{name} in {version}", *map(_conditions, lists)]))


def _conditions(prices: Mapping[str, Any]) -> str:
    """A price list on a line: when it holds, and what it says."""
    when = [f"from {prices['from']}"] if "from" in prices else []
    for name in ("during", "when"):
        when += [f"{key} {value}" for key, value in prices.get(name, {}).items()]
    over = [f"; over {int(start):,}: {_dollars(tier)}" for start, tier in prices.get("over", {}).items()]
    return f"  {', '.join(when) or 'always':<22} {_dollars(prices['prices'])}{''.join(over)}"


async def _versions() -> Sequence[tuple[str, datetime]]:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database, database.transaction() as tx:
        return await price_versions.kept(tx)


async def _prices_of(name: str, version: str) -> Sequence[Mapping[str, Any]] | None:
    async with open_database(load_settings(os.environ), Role.ADMIN) as database, database.transaction() as tx:
        return await price_versions.prices_of(tx, version.partition(LACKING)[0], name)


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


def _short_price(model: Model) -> str:
    """What most want to know: a million tokens in and out, or whatever else it is sold by."""
    prices = model.prices
    if not prices:
        return "unpriced" if prices is None else "free"
    both = {"in": prices.get("input_mtok"), "out": prices.get("output_mtok")}
    told = [f"{name} ${price}" for name, price in both.items() if price is not None]
    return ", ".join(told) or _dollars(_strings(prices))


def _tokens(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,} tokens"


def _dollars(prices: dict[str, str]) -> str:
    return ", ".join(f"{name} ${price}" for name, price in prices.items())
