"""OAuth 2.0 token endpoints: writes the request for a short-lived access token, and reads the token in the answer. No I/O.

Page: https://www.rfc-editor.org/rfc/rfc6749 (sections 4 to 6).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import AccessToken, UpstreamReply, UpstreamRequest

_EARLY: Final = timedelta(minutes=5)
"""A token is renewed this long before its end."""


class _Answer(msgspec.Struct, frozen=True):
    access_token: str = ""
    expires_in: int = 3600
    """Seconds."""
    error: str = ""
    error_description: str = ""


def form_request(url: str, form: Mapping[str, str]) -> UpstreamRequest:
    """The request for a token that sends a form to a token endpoint."""
    return UpstreamRequest(url, {"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode())


def read_token(reply: UpstreamReply, now: datetime, *, refused: str) -> AccessToken:
    """The token in the answer.

    Raises ProviderError, of kind AUTH when the credential is refused; its message is `refused` and the reason.
    """
    try:
        answer = msgspec.json.decode(reply.body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = _Answer()
    if reply.status == 200 and answer.access_token:
        lifetime = timedelta(seconds=answer.expires_in)
        return AccessToken(answer.access_token, now + max(timedelta(), lifetime - _EARLY))
    kind = FailureKind.AUTH if 400 <= reply.status < 500 else FailureKind.SERVER_ERROR
    reason = answer.error_description or answer.error or "it gave no reason"
    raise ProviderError(kind, f"{refused}: {reason}", status=reply.status, code=answer.error or None)
