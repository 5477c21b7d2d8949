"""AWS Signature Version 4: the headers that prove who sends a request.

Page: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Pure; the clock is given.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """An identity for one service in one region."""

    key_id: str
    secret: str = field(repr=False)
    region: str
    service: str
    session_token: str | None = field(default=None, repr=False)

    def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Mapping[str, str]:
        """These headers (lower-case names) and those that sign them. `url` is as it will be sent, `now` in UTC."""
        moment = now.strftime("%Y%m%dT%H%M%SZ")
        signed = {**headers, "x-amz-date": moment}
        if self.session_token:
            signed["x-amz-security-token"] = self.session_token
        names, request = _canonical(method, url, signed, body)
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        told = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()))
        signature = hmac.new(self._key(moment[:8]), told.encode(), hashlib.sha256).hexdigest()
        proof = f"{_ALGORITHM} Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**signed, "authorization": proof}

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def _canonical(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """The names of the signed headers, and the request in the form that is signed."""
    parts = urlsplit(url)
    named = sorted({**headers, "host": parts.netloc.rpartition("@")[2]}.items())
    names = ";".join(name for name, _ in named)
    path = quote(parts.path or "/", safe="/~")  # a second time: the path is encoded already
    encoded = ((quote(name, safe="~"), quote(value, safe="~")) for name, value in parse_qsl(parts.query, True))
    query = "&".join(f"{name}={value}" for name, value in sorted(encoded))
    lines = [f"{name}:{' '.join(value.split())}" for name, value in named]
    return names, "\n".join((method, path, query, *lines, "", names, hashlib.sha256(body).hexdigest()))
