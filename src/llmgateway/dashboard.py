"""Floor 4: serves the dashboard, a folder of files that its build made, to browsers.

Whatever is no file and wants HTML gets the one page there is, whose script reads the address. Its policy lets in scripts of this
origin alone, and style elements that know the answer's own nonce.
"""

import gzip
import mimetypes
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from llmgateway.kit.asgi import Scope, Send

FOLDER: Final = Path(__file__).with_name("static")
"""Where `npm run build` in dashboard/ puts its files; they are inside the wheel."""
_NONCE: Final = b"__NONCE__"
_OTHERS: Final = ("/v1/", "/api/", "/healthz", "/readyz", "/metrics")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SECURE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_UNBUILT: Final = b"""<!doctype html><html lang="en"><title>llmgateway</title><body>
<h1>llmgateway runs</h1>
<p>Its dashboard was not built: that takes Node.js 20 or newer. Install it and say <code>make dashboard</code>, then start again.</p>
<p>The API at <code>/v1</code> and <code>/api/v1</code> is complete without it.</p></body></html>"""


@dataclass(frozen=True)
class _File:
    content: bytes
    kind: bytes
    forever: bool
    """Its name changes with its content."""

    @cached_property
    def zipped(self) -> bytes:
        """Made when a browser first asks: the start does not wait for it."""
        return gzip.compress(self.content, 6, mtime=0)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All files, in memory."""

    page: bytes
    files: Mapping[str, _File]
    https: bool

    @classmethod
    def read(cls, folder: Path, *, https: bool) -> Self:
        """What was built; a plain sentence where nothing was."""
        files = {
            f"/{path.relative_to(folder).as_posix()}": _file(path, forever=path.parent.name == "assets")
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        page = files.pop("/index.html", None)
        return cls(page.content if page else _UNBUILT, files, https)

    def serves(self, scope: Scope) -> bool:
        """Whether a request is for a browser's eyes."""
        path: str = scope["path"]
        if scope["method"] not in ("GET", "HEAD") or path.startswith(_OTHERS):
            return False
        return path == "/" or path in self.files or b"text/html" in _header(scope, b"accept")

    async def __call__(self, scope: Scope, send: Send) -> None:
        """One request that it serves."""
        file = self.files.get(scope["path"])
        if file is None:
            nonce = secrets.token_urlsafe(16)
            policy = _POLICY.format(nonce=nonce).encode()
            headers = [(b"content-security-policy", policy), (b"cache-control", b"no-store")]
            await self._send(
                scope, send, self.page.replace(_NONCE, nonce.encode()), b"text/html; charset=utf-8", headers
            )
            return
        age = b"public, max-age=31536000, immutable" if file.forever else b"public, max-age=300"
        headers = [(b"cache-control", age), (b"vary", b"accept-encoding")]
        zips = b"gzip" in _header(scope, b"accept-encoding") and len(file.zipped) < len(file.content)
        if zips:
            headers.append((b"content-encoding", b"gzip"))
        await self._send(scope, send, file.zipped if zips else file.content, file.kind, headers)

    async def _send(
        self, scope: Scope, send: Send, content: bytes, kind: bytes, headers: list[tuple[bytes, bytes]]
    ) -> None:
        length = (b"content-length", str(len(content)).encode())
        secure = (*_SECURE, _HSTS) if self.https else _SECURE
        told = [(b"content-type", kind), length, *headers, *secure]
        await send({"type": "http.response.start", "status": 200, "headers": told})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def _header(scope: Scope, wanted: bytes) -> bytes:
    return b",".join(value for name, value in scope["headers"] if name == wanted)


def _file(path: Path, *, forever: bool) -> _File:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind.endswith(("javascript", "svg+xml")):
        kind += "; charset=utf-8"
    return _File(content, kind.encode(), forever)
