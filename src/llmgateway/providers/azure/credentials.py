"""Entra tokens for Azure: the client credentials grant, without I/O.

Page: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import AccessToken, Reply, UpstreamRequest

_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_AUTHORITY: Final = "https://login.microsoftonline.com"
_EARLY: Final = timedelta(minutes=5)
"""A token is renewed this long before its end."""


class _Answer(msgspec.Struct, frozen=True):
    access_token: str = ""
    expires_in: int = 3600
    error: str = ""
    error_description: str = ""


@dataclass(frozen=True, slots=True)
class EntraGrant:
    """Tokens for an application registered in Entra."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    authority: str = _AUTHORITY

    def request(self, now: datetime) -> UpstreamRequest:
        """The request for a token."""
        del now
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": _SCOPE,
        }
        return UpstreamRequest(
            f"{self.authority}/{quote(self.tenant_id)}/oauth2/v2.0/token",
            {"content-type": "application/x-www-form-urlencoded"},
            urlencode(form).encode(),
        )

    def read(self, reply: Reply, now: datetime) -> AccessToken:
        """The token in the answer. Raises ProviderError, of kind AUTH when Entra refuses the application."""
        try:
            answer = msgspec.json.decode(reply.body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = _Answer()
        if reply.status == 200 and answer.access_token:
            return AccessToken(
                answer.access_token, now + max(timedelta(), timedelta(seconds=answer.expires_in) - _EARLY)
            )
        kind = FailureKind.AUTH if 400 <= reply.status < 500 else FailureKind.SERVER_ERROR
        said = answer.error_description or answer.error or "it gave no reason"
        raise ProviderError(kind, f"Entra refused a token: {said}", status=reply.status, code=answer.error or None)
