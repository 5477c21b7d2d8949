"""The data plane's front door, in plain ASGI: reads the body, finds the dialect, and hands over to the pipeline."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final, cast

from llmgateway.canon.call import Dialect, Operation
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.dataplane import pipeline
from llmgateway.dataplane.body import read_body, size_of
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.inbound import Inbound, credential, header_map
from llmgateway.dataplane.pages import Pages
from llmgateway.dataplane.pipeline import Services
from llmgateway.dataplane.reply import Reply, departure
from llmgateway.errors import HeadersTooLarge, MethodNotAllowed, NotFound, Problem
from llmgateway.kit.asgi import Receive, Scope, Send
from llmgateway.kit.ids import new_id

_MAX_HEADERS: Final = 32 * 1024
_UNWATCHED_SECONDS: Final = 0.1
"""Of a journey, before somebody watches whether the caller leaves: an upstream is left that much later, and no quick answer pays
for a task of its own."""
_OF_STORED_RESPONSES: Final = re.compile(
    r"(GET|DELETE) /v1/responses/[^/]+|POST /v1/responses/[^/]+/cancel|GET /v1/responses/[^/]+/input_items"
)
"""What OpenAI does with answers that it stores (https://platform.openai.com/docs/api-reference/responses)."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """The operation and dialect of a path."""

    operation: Operation
    dialect: DialectWriter


@dataclass(frozen=True, slots=True)
class DataPlane:
    """The data plane as an ASGI application."""

    services: Services
    entrances: Mapping[str, Entrance]
    """Path -> operation and dialect, for POST."""
    pages: Pages
    """Answers GET requests, without asking a provider."""
    default_dialect: DialectWriter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        path: str = scope["path"].rstrip("/") or "/"
        entrance = self.entrances.get(path)
        headers = header_map(scope["headers"])
        dialect = entrance.dialect if entrance else self._dialect_of(path, headers)
        reply = Reply(send, new_id("req"), id_names=dialect.id_names)
        try:
            if _size(scope) > _MAX_HEADERS:
                raise HeadersTooLarge("The request's headers are over 32 KiB. Send fewer or shorter ones.")
            if scope["method"] == "GET" and self.pages.serves(path):
                await self.pages.serve(path, headers, client_address(scope), reply, dialect)
                return
            if entrance is None or scope["method"] != "POST":
                raise self._no_route(scope["method"], path)
            with ExitStack() as held:
                much, large = partial(self._knows, scope, headers), partial(self._takes_large, scope, headers, held)
                body = await read_body(receive, headers, much, large)
            secret = credential(headers)
        except Problem as problem:
            self.services.instruments.turned_away(problem, reply.request_id)
            await _refuse(problem, dialect, reply)
            return
        if body is None:
            return  # the caller left while it was still speaking
        inbound = Inbound(
            operation=entrance.operation,
            dialect=dialect,
            secret=secret,
            address=client_address(scope),
            headers=headers,
            body=body,
        )
        await _until_departure(self.services, inbound, reply, receive)

    async def _knows(self, scope: Scope, headers: Mapping[str, str]) -> KeySnapshot:
        """Check the key before much of its body is read. Raises Problem."""
        return await self.services.keys.identify(credential(headers), client_address(scope))

    async def _takes_large(self, scope: Scope, headers: Mapping[str, str], held: ExitStack) -> None:
        """Reserve memory for a large body. Raises Problem when there is none left."""
        key = await self._knows(scope, headers)
        held.enter_context(self.services.bodies.holding(key.org.id, size_of(headers)))

    def _no_route(self, method: str, path: str) -> Problem:
        if _OF_STORED_RESPONSES.fullmatch(f"{method} {path}"):
            return NotFound(
                "Answers are not stored here to be fetched, cancelled or deleted later: keep what /v1/responses answers.",
                code="response_not_stored",
            )
        asked = "POST" if path in self.entrances else "GET" if self.pages.serves(path) else None
        if asked is None:
            served = ", ".join(sorted(self.entrances))
            return NotFound(f"There is no {method} {path} here. POST goes to {served}; GET to /v1/models.")
        return MethodNotAllowed(f"{path} takes {asked}, not {method}. Send it as {asked}.", headers=[("allow", asked)])

    def _dialect_of(self, path: str, headers: Mapping[str, str]) -> DialectWriter:
        """The dialect for a path that is not served: by the served path above it, else by the header of Anthropic's SDKs."""
        above = self.entrances.get(path.rpartition("/")[0])
        if above is not None:
            return above.dialect
        if "anthropic-version" in headers:
            spoken = (entrance.dialect for entrance in self.entrances.values())
            return next((one for one in spoken if one.id is Dialect.ANTHROPIC), self.default_dialect)
        return self.default_dialect


async def _until_departure(services: Services, inbound: Inbound, reply: Reply, receive: Receive) -> None:
    """Run the journey; when the caller leaves, cancel it, so that the upstream is closed at once.

    What is answered quickly pays for nobody who watches the door.
    """
    journey = cast("asyncio.Task[None]", asyncio.current_task())  # an ASGI server runs us in a task
    loop = asyncio.get_running_loop()
    watchman: list[asyncio.Task[None]] = []

    async def watch_the_door() -> None:
        await departure(receive, reply)
        await reply.until_unneeded()
        journey.cancel()

    called = loop.call_later(_UNWATCHED_SECONDS, lambda: watchman.append(loop.create_task(watch_the_door())))
    try:
        await pipeline.serve(services, inbound, reply)
    except asyncio.CancelledError:
        if not reply.left:
            raise
        journey.uncancel()
    finally:
        called.cancel()
        for watching in watchman:
            watching.cancel()


async def _refuse(problem: Problem, dialect: DialectWriter, reply: Reply) -> None:
    headers = list(problem.headers)
    if problem.retry_after is not None:
        headers.append(("retry-after", str(problem.retry_after)))
    await reply.whole(problem.http_status, dialect.error(problem, reply.request_id), headers)


def client_address(scope: Scope) -> str:
    """The caller's address. The server has already applied X-Forwarded-For of trusted proxies."""
    client = scope.get("client")
    return client[0] if client else "unknown"


def _size(scope: Scope) -> int:
    return sum(map(len, chain.from_iterable(scope["headers"])))
