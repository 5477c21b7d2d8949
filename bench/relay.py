"""A bare relay on the gateway's own stack: plain ASGI on uvicorn, aiohttp to the upstream, and nothing else.

It is the yardstick: what a request costs before the gateway does anything for it. `RELAY_UPSTREAM` names the upstream.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Relay:
    """Forwards each request to the upstream, and the answer's bytes back as they come."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._forward(scope["path"], await _body(receive), send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _forward(self, path: str, body: bytes, send: Send) -> None:
        if path == "/readyz":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ready"})
            return
        assert self._session is not None
        headers = {"content-type": "application/json"}
        async with self._session.post(self._upstream + path, data=body, headers=headers) as answer:
            content_type = answer.headers.get("content-type", "").encode()
            started = {"status": answer.status, "headers": [(b"content-type", content_type)]}
            await send({"type": "http.response.start", **started})
            async for data in answer.content.iter_any():
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _body(receive: Receive) -> bytes:
    parts = bytearray()
    while True:
        message = await receive()
        parts += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(parts)


app = Relay(os.environ.get("RELAY_UPSTREAM", "http://127.0.0.1:9"))
