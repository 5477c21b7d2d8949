"""What the data plane answers without asking a provider: models, a request explained, and how it is doing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.catalog.catalog import Catalog
from llmgateway.contract.channels import SourceUnavailable, UsageLookup
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.explanation import explain
from llmgateway.dataplane.inbound import credential
from llmgateway.dataplane.keys import Keys
from llmgateway.dataplane.metrics_page import MetricsPage
from llmgateway.dataplane.model_list import entry_of, names_for
from llmgateway.dataplane.plan.router import Router
from llmgateway.dataplane.reply import Reply
from llmgateway.errors import NotFound, Unavailable
from llmgateway.kit.ids import is_id

_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/v1/models"})


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

    def serves(self, path: str) -> bool:
        """Whether it answers a GET of this path."""
        return path in _PATHS or path.startswith(("/v1/models/", "/v1/requests/"))

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
            key = await self.keys.identify(credential(headers), address)
            await reply.whole(200, _json(await self._page(path, key, dialect)))

    async def _page(self, path: str, key: KeySnapshot, dialect: DialectWriter) -> Json:
        if path == "/v1/models":
            return self._models(key, dialect)
        if path.startswith("/v1/models/"):
            return self._model(path.removeprefix("/v1/models/"), key, dialect)
        return await self._request(path.removeprefix("/v1/requests/"), key)

    def _models(self, key: KeySnapshot, dialect: DialectWriter) -> Json:
        entries = [entry_of(name, model, dialect) for name, model in names_for(self.router, self.catalog, key)]
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
                return entry_of(name, model, dialect)
        raise NotFound(
            f"The model {wanted!r} is not among those this key may use. See GET /v1/models.",
            code="model_not_found",
            param="model",
        )

    async def _request(self, event_id: str, key: KeySnapshot) -> Json:
        if not is_id(event_id, "req"):
            raise NotFound("A request's id looks like req_01... and is in the x-request-id header of its answer.")
        try:
            event = await self.usage.event(key.id, event_id)
        except SourceUnavailable as error:
            raise Unavailable(
                "The gateway's database does not answer now. Try again shortly.", retry_after=1
            ) from error
        if event is None:
            raise NotFound(
                "No request of this key has this id. It may still be on its way: try again in a second.", retry_after=1
            )
        return explain(event)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
