"""Entra tokens for Azure: the client credentials grant, without I/O.

Page: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

from llmgateway.providers.base import AccessToken, UpstreamReply, UpstreamRequest
from llmgateway.providers.oauth import form_request, read_token

_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_AUTHORITY: Final = "https://login.microsoftonline.com"


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
        return form_request(f"{self.authority}/{quote(self.tenant_id)}/oauth2/v2.0/token", form)

    def read(self, reply: UpstreamReply, now: datetime) -> AccessToken:
        """The token in the answer. Raises ProviderError, of kind AUTH when Entra refuses the application."""
        return read_token(reply, now, refused="Entra refused a token")
