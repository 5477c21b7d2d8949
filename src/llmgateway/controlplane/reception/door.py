"""The outermost ASGI middleware of the control plane, around FastAPI: limits requests, and sets security headers on answers."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from fastapi import FastAPI

from llmgateway.controlplane.reception.unauthenticated import UnauthenticatedRequests
from llmgateway.errors import TooMany
from llmgateway.kit.asgi import Message, Receive, Scope, Send
from llmgateway.kit.ids import new_id

MAX_BODY: Final = 1024 * 1024
_MAX_HEADERS: Final = 32 * 1024
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

log = structlog.get_logger()


class Door:
    """Gives every request its id and `state`, every answer its headers; an unexpected exception becomes a 500 without details."""

    def __init__(
        self, app: FastAPI, at_hand: Mapping[str, object], strangers: UnauthenticatedRequests, *, https: bool
    ) -> None:
        """`at_hand` is the `state` of each request."""
        self.app = app
        self.at_hand = at_hand
        self._strangers = strangers
        self._headers = (*_HEADERS, _HSTS) if https else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        request_id = new_id("req")
        scope["llmgateway.request_id"] = request_id
        scope["state"] = dict(self.at_hand)
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = {name for name, _ in message["headers"]}
                extra = [(b"x-request-id", request_id.encode()), *self._headers, (b"cache-control", b"no-store")]
                message = {**message, "headers": [*message["headers"], *((n, v) for n, v in extra if n not in own)]}
            await send(message)

        if sum(len(name) + len(value) for name, value in scope["headers"]) > _MAX_HEADERS:
            await _refuse(with_headers, 431, "headers_too_large", "The headers are over 32 KiB.", request_id)
            return
        try:
            await self._strangers.admit(scope)
        except TooMany as refused:
            waits = ((b"retry-after", str(refused.retry_after).encode()),)
            await _refuse(with_headers, 429, refused.code, refused.message, request_id, waits)
            return
        body = await _whole(receive)
        if body is None:
            await _refuse(with_headers, 413, "body_too_large", "The body is over 1 MiB. Send less.", request_id)
            return
        try:
            await self.app(scope, _again(body, receive), with_headers)
        except Exception:
            # The edge of the control plane: a fault of our own is logged and told, and its transaction was undone.
            log.exception("a request failed inside the control plane", request_id=request_id, path=scope["path"])
            if not started:
                message = f"The gateway made a mistake with this request. Tell its operator the id {request_id}."
                await _refuse(with_headers, 500, "internal_error", message, request_id)


async def _whole(receive: Receive) -> bytes | None:
    """The whole body; None when it is over 1 MiB."""
    pieces, size = list[bytes](), 0
    while True:
        message = await receive()
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > MAX_BODY:
            return None
        pieces.append(piece)
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return b"".join(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, then the server's own messages."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


async def _refuse(
    send: Send, status: int, code: str, message: str, request_id: str, more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    error = {"code": code, "message": message, "param": None, "request_id": request_id}
    content = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
