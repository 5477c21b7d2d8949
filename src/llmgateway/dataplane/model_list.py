"""The models that a key may name, each with what is known of it, as GET /v1/models lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.catalog.abilities import Ability
from llmgateway.catalog.catalog import Catalog, Model
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot, allows
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.plan.router import Router
from llmgateway.errors import NotFound
from llmgateway.gateway_file import AliasEntry

_MADE_BY_US = 0
"""Unix time of models whose date nobody states."""


def names_for(router: Router, catalog: Catalog, key: KeySnapshot) -> list[tuple[str, Model]]:
    """What a key may name: aliases, and `provider/model` of the providers that it can ask."""
    aliases = {**router.file.models, **key.org.routes}
    names = [
        (name, replace(_together(name, alias, catalog), prices=_one_price(router, catalog, name, key.org)))
        for name, alias in aliases.items()
    ]
    for provider in router.hosts:
        hosts = router.hosts_of(provider, key.org)
        if not hosts[0].missing and (key.providers is None or provider in key.providers):
            ours = all(credential.sealed is None for host in hosts for credential in host.credentials)
            names += [
                (f"{provider}/{model.name}", _as_said(router, model) if ours else model)
                for model in catalog.models(provider)
            ]
    return [
        (name, model)
        for name, model in dict(names).items()
        if all(
            allows(models, model.provider, (name, model.name)) for models in (key.models, key.org.policy.allowed_models)
        )
    ]


def model_entry(name: str, model: Model) -> Json:
    """A model in OpenAI's shape, with what we know of it in a block of our own."""
    entry: Json = {"id": name, "object": "model", "created": _MADE_BY_US, "owned_by": model.provider}
    return entry | {"llmgateway": _facts(model)}


def _together(name: str, alias: AliasEntry, catalog: Catalog) -> Model:
    """What all targets of an alias can, as far as it is known of each."""
    known = [catalog.find(entry.provider, entry.model) for entry in alias.targets]
    windows = [
        entry.context or (model.context_window if model else None)
        for entry, model in zip(alias.targets, known, strict=True)
    ]
    abilities: frozenset[Ability] | None = frozenset(Ability)
    for entry in alias.targets:
        own = catalog.traits(entry.provider, entry.model).abilities
        abilities = None if abilities is None or own is None else abilities & own
    return Model(
        provider="llmgateway",
        name=name,
        context_window=_least(windows),
        max_output=_least([model.max_output if model else None for model in known]),
        abilities=abilities,
    )


def _one_price(router: Router, catalog: Catalog, name: str, org: OrgSnapshot) -> Mapping[str, Decimal] | None:
    """What an alias costs, where all of its targets cost the same."""
    try:
        targets = router.resolve(name, org)
    except NotFound:
        return None
    listed = [None if target.price else catalog.find(target.host.id, target.model) for target in targets]
    prices = [
        target.price.classes if target.price else model and model.prices
        for target, model in zip(targets, listed, strict=True)
    ]
    return prices[0] if all(price == prices[0] for price in prices) else None


def _as_said(router: Router, model: Model) -> Model:
    """With the operator's own price, where gateway.yaml has one: it holds whatever name leads there."""
    price = router.operators_price(model.provider, model.name)
    return model if price is None else replace(model, prices=price.classes)


def _least(values: Sequence[int | None]) -> int | None:
    certain = [value for value in values if value is not None]
    return min(certain) if len(certain) == len(values) else None


def _facts(model: Model) -> Json:
    abilities, prices = model.abilities, model.prices
    return {
        "context_window": model.context_window,
        "max_output": model.max_output,
        "abilities": None if abilities is None else sorted(abilities),
        "prices_usd": None if prices is None else {part: f"{price:f}" for part, price in prices.items()},
    }


def entry_of(name: str, model: Model, dialect: DialectWriter) -> Json:
    """A model in the shape of the caller's dialect."""
    if dialect.id is not Dialect.ANTHROPIC:
        return model_entry(name, model)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "line": None,
        "capabilities": None,
        "max_input_tokens": model.context_window,
        "max_tokens": model.max_output,
        "llmgateway": _facts(model),
    }
