"""The body of a request: read up to a limit, decompressed once its key is known, and counted while it is in memory."""

import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from llmgateway.errors import BadRequest, Problem, TooLarge, TooMany, UnsupportedEncoding
from llmgateway.kit.asgi import Receive

_MAX_BODY: Final = 25 * 1024 * 1024
_MAX_DRAINED: Final = 128 * 1024 * 1024
"""Bytes of a refused body that are read all the same, and thrown away: many clients read no answer before they sent all."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_BARE: Final = -zlib.MAX_WBITS
"""Raw deflate without zlib's frame, which some clients send as `deflate` too (RFC 9110, section 8.4.1.2)."""
_MUCH: Final = 64 * 1024
"""Bytes that are read before the key is checked: as many as uvicorn reads ahead anyway."""
_LARGE: Final = 1024 * 1024
"""Larger bodies are counted by LargeBodies; smaller ones are not limited in number."""
_TOO_LARGE: Final = "The body is over 25 MiB. Send less, or refer to large files by URL."


async def read_body(
    receive: Receive,
    headers: Mapping[str, str],
    when_much: Callable[[], Awaitable[object]],
    when_large: Callable[[], Awaitable[None]],
) -> bytes | None:
    """The whole body, as it came; None when the caller left.

    `when_much` is asked once, before much of nobody's is kept, and `when_large` as soon as it is known to be large. Raises
    TooLarge over 25 MiB, and the Problem that either raises: nothing is kept of what is refused, but all of it is read, so
    that its sender can read the refusal.
    """
    size = 0
    pieces: list[bytes] = []
    refused: Problem | None = None
    declared = headers.get("content-length", "")
    asked = (_MUCH, when_much), (_LARGE, when_large)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > _MUCH and refused is None:
            passed = range(size - len(piece), size)
            refused = await _objection([ask for least, ask in asked if least in passed])
        if refused is None and size > _MAX_BODY:
            refused = TooLarge(_TOO_LARGE)
        if refused is None:
            pieces.append(piece)
        else:
            pieces.clear()
            if size > _MAX_DRAINED or (declared.isdigit() and int(declared) > _MAX_DRAINED):
                break
        if not message.get("more_body", False):
            break
    if refused is not None:
        raise refused
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _objection(asked: Sequence[Callable[[], Awaitable[object]]]) -> Problem | None:
    try:
        for ask in asked:
            await ask()
    except Problem as problem:
        return problem
    return None


def size_of(headers: Mapping[str, str]) -> int:
    """How many bytes the body will have: what its sender says, else the most that a body may have."""
    declared = headers.get("content-length", "")
    return min(int(declared), _MAX_BODY) if declared.isdigit() else _MAX_BODY


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body as it was before it was packed.

    Raises TooLarge over 25 MiB, UnsupportedEncoding, and BadRequest for what cannot be unpacked.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflated(body, _GZIP, "gzip")
        case "deflate":
            return _inflated(body, zlib.MAX_WBITS if _is_framed(body) else _BARE, "deflate")
        case other:
            raise UnsupportedEncoding(
                f"A body in the content-encoding {other!r} is not taken. Send it as gzip or deflate, or as it is.",
                param="content-encoding",
                headers=[("accept-encoding", "gzip, deflate")],
            )


def _is_framed(body: bytes) -> bool:
    """Whether the body begins with zlib's frame (RFC 1950): the method, and a checksum of the first two bytes."""
    return body[:1] != b"" and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0


def _inflated(body: bytes, wbits: int, name: str) -> bytes:
    """The decompressed body. Never holds more than the limit, whatever was compressed."""
    inflating = zlib.decompressobj(wbits)
    try:
        plain = inflating.decompress(body, _MAX_BODY + 1)
    except zlib.error as error:
        raise BadRequest(f"The body is not valid {name}: {error}. Pack it anew.", param="content-encoding") from error
    if len(plain) > _MAX_BODY:
        raise TooLarge(_TOO_LARGE)
    if not inflating.eof or inflating.unused_data:
        raise BadRequest(f"The body is not one whole {name} stream. Pack it anew.", param="content-encoding")
    return plain


class LargeBodies:
    """Limits how many bytes of large bodies are in memory, by organisation: compressed, they cost their sender next to nothing."""

    def __init__(self, most: int) -> None:
        """`most` is the limit in bytes. One organisation may hold half of it, but one body always."""
        self._most = most
        self._held = Counter[str]()

    def holding(self, org_id: str, size: int) -> AbstractContextManager[None]:
        """Count a body of `size` bytes while the block lasts. Entering it raises TooMany when there is no room."""
        return nullcontext() if size <= _LARGE else self._taken(org_id, size)

    @contextmanager
    def _taken(self, org_id: str, size: int) -> Generator[None]:
        own, all_of_them = self._held[org_id], self._held.total()
        if (own and own + size > self._most // 2) or (all_of_them and all_of_them + size > self._most):
            whose = "This organisation's requests" if own else "Requests"
            raise TooMany(
                f"{whose} of more than 1 MiB fill the memory that this process has for them. Wait until some have "
                "ended, or refer to large files by URL.",
                code="concurrency_exceeded",
                retry_after=1,
            )
        self._held[org_id] += size
        try:
            yield
        finally:
            self._held[org_id] -= size
            if not self._held[org_id]:
                del self._held[org_id]
