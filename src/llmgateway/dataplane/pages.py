"""What the data plane answers without asking a provider: models, a request explained, and how it is doing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.catalog.abilities import Ability
from llmgateway.catalog.catalog import Catalog, Model
from llmgateway.contract.channels import SourceUnavailable, UsageLookup
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot, allows
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.explanation import explain
from llmgateway.dataplane.inbound import credential
from llmgateway.dataplane.keys import Keys
from llmgateway.dataplane.metrics_page import MetricsPage
from llmgateway.dataplane.plan.router import Router
from llmgateway.dataplane.reply import Reply
from llmgateway.errors import NotFound, Unavailable
from llmgateway.gateway_file import AliasEntry
from llmgateway.kit.ids import is_id

_MADE_BY_US = 0
"""Unix time of models whose date nobody states."""


class Readiness:
    """Whether this process should get traffic; floor 4 says so."""

    def __init__(self, journal_blocked: Callable[[], bool]) -> None:
        self._journal_blocked = journal_blocked
        self.draining = False

    def why_not(self) -> str:
        """Empty when ready."""
        if self.draining:
            return "draining"
        return "the journal cannot be written" if self._journal_blocked() else ""


@dataclass(frozen=True, slots=True)
class Pages:
    """The GET side of the wing."""

    keys: Keys
    router: Router
    catalog: Catalog
    usage: UsageLookup
    readiness: Readiness
    metrics: MetricsPage

    def has(self, path: str) -> bool:
        return path in {"/healthz", "/readyz", "/metrics"}

    def serves(self, path: str) -> bool:
        """Whether it answers a GET of this path, of a key too."""
        return self.has(path) or path == "/v1/models" or path.startswith(("/v1/models/", "/v1/requests/"))

    async def serve(
        self, path: str, headers: Mapping[str, str], address: str, reply: Reply, dialect: DialectWriter
    ) -> None:
        """Answer a GET. Raises Problem."""
        if path == "/healthz":
            await reply.whole(200, _json({"status": "alive"}))
        elif path == "/readyz":
            why = self.readiness.why_not()
            await reply.whole(503 if why else 200, _json({"status": why or "ready"}))
        elif path == "/metrics":
            await self.metrics.serve(headers, address, reply)
        else:
            await self._for_key(path)(headers, address, reply, dialect)

    def _for_key(self, path: str) -> Callable[[Mapping[str, str], str, Reply, DialectWriter], Awaitable[None]]:
        async def answer(headers: Mapping[str, str], address: str, reply: Reply, dialect: DialectWriter) -> None:
            key = await self.keys.identify(credential(headers), address)
            page = await self._page(path, key, dialect)
            await reply.whole(200, _json(page))

        return answer

    async def _page(self, path: str, key: KeySnapshot, dialect: DialectWriter) -> Json:
        if path == "/v1/models":
            return self._models(key, dialect)
        if path.startswith("/v1/models/"):
            return self._model(path.removeprefix("/v1/models/"), key, dialect)
        return await self._request(path.removeprefix("/v1/requests/"), key)

    def _models(self, key: KeySnapshot, dialect: DialectWriter) -> Json:
        entries = [_entry(name, model, dialect) for name, model in names_for(self.router, self.catalog, key)]
        if dialect.id is Dialect.ANTHROPIC:
            ends = [entry["id"] for entry in entries[:1] + entries[-1:]]
            return {
                "data": entries,
                "has_more": False,
                "first_id": ends[0] if ends else None,
                "last_id": ends[-1] if ends else None,
            }
        return {"object": "list", "data": entries}

    def _model(self, wanted: str, key: KeySnapshot, dialect: DialectWriter) -> Json:
        for name, model in names_for(self.router, self.catalog, key):
            if wanted in (name, model.name):
                return _entry(name, model, dialect)
        raise NotFound(
            f"The model {wanted!r} is not among those this key may use. See GET /v1/models.",
            code="model_not_found",
            param="model",
        )

    async def _request(self, event_id: str, key: KeySnapshot) -> Json:
        missing = NotFound(
            "No request of this key has this id. It may still be on its way: try again in a second.", retry_after=1
        )
        if not is_id(event_id, "req"):
            raise NotFound("A request's id looks like req_01... and is in the x-request-id header of its answer.")
        try:
            event = await self.usage.event(key.id, event_id)
        except SourceUnavailable as error:
            raise Unavailable(
                "The gateway's database does not answer now. Try again shortly.", retry_after=1
            ) from error
        if event is None:
            raise missing
        return explain(event)


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


def _entry(name: str, model: Model, dialect: DialectWriter) -> Json:
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


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
