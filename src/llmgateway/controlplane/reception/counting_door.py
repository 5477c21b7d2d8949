"""Middleware that counts and times the control plane's answers, by the template of the path (`/orgs/{org}`), never the path itself."""

import time
from typing import Final

from fastapi.routing import APIRoute

from llmgateway.controlplane import figures
from llmgateway.controlplane.reception.door import Door
from llmgateway.kit.asgi import Message, Receive, Scope, Send
from llmgateway.kit.metrics import Metrics

_NO_ROUTE: Final = "none"
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class CountingDoor:
    """The control plane's door, with metrics."""

    def __init__(self, door: Door, metrics: Metrics) -> None:
        self.door = door
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        start, status, seconds = time.monotonic(), 0, 0.0

        async def with_status(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = message["status"], time.monotonic() - start
            await send(message)

        await self.door(scope, receive, with_status)
        found = scope.get("route")
        route = found.path_format if isinstance(found, APIRoute) else _NO_ROUTE
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.counter(figures.API_REQUESTS, method, route, str(status)).inc()
        self._metrics.histogram(figures.API_SECONDS, method, route).observe(seconds)
