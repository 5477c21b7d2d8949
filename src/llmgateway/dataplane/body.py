"""The body of a request: read up to its limit, and unpacked where it came compressed, once it is known whose it is."""

import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from llmgateway.errors import BadRequest, TooLarge, UnsupportedEncoding

Receive = Callable[[], Awaitable[dict[str, Any]]]

_MAX_BODY: Final = 25 * 1024 * 1024
_MAX_DRAINED: Final = 128 * 1024 * 1024
"""A body over the limit is read on up to here and thrown away, so that its sender can read the refusal."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_BARE: Final = -zlib.MAX_WBITS
"""Deflate without zlib's frame around it, which some send under the same name (RFC 9110, section 8.4.1.2)."""
_TOO_LARGE: Final = "The body is over 25 MiB. Send less, or refer to large files by URL."


async def read_body(receive: Receive, headers: Mapping[str, str]) -> bytes | None:
    """The whole body, as it came; None when the caller left. Raises TooLarge over 25 MiB."""
    size = 0
    pieces: list[bytes] = []
    declared = headers.get("content-length", "")
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size <= _MAX_BODY:
            pieces.append(piece)
        elif size > _MAX_DRAINED or (declared.isdigit() and int(declared) > _MAX_DRAINED):
            break
        if not message.get("more_body", False):
            break
    if size > _MAX_BODY:
        raise TooLarge(_TOO_LARGE)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


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
    """Whether it begins as RFC 1950 says: the method, and a check sum of the first two bytes."""
    return body[:1] != b"" and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0


def _inflated(body: bytes, wbits: int, name: str) -> bytes:
    """Never more than the limit, whatever was packed."""
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
