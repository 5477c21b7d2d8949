"""Access tokens for Google Cloud: reads a credential file, and writes the request for a token. No I/O.

Pages: https://developers.google.com/identity/protocols/oauth2/service-account#httprest and
https://cloud.google.com/docs/authentication/application-default-credentials.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from llmgateway.errors import ConfigurationError
from llmgateway.providers.base import AccessToken, UpstreamReply, UpstreamRequest
from llmgateway.providers.oauth import form_request, read_token

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 an address
_LIFETIME: Final = timedelta(hours=1)


class CredentialFile(msgspec.Struct, frozen=True):
    """A credential file as Google writes it: of a service account, or of a person who ran `gcloud auth`."""

    type: str
    project_id: str = ""
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = _TOKEN_URI
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""

    def __repr__(self) -> str:
        """Without its secrets."""
        return f"CredentialFile(type={self.type!r}, client_email={self.client_email!r})"


@dataclass(frozen=True, slots=True)
class GoogleGrant:
    """Access tokens for the account of a credential file."""

    file: CredentialFile = field(repr=False)

    def request(self, now: datetime) -> UpstreamRequest:
        return token_request(self.file, now)

    def read(self, reply: UpstreamReply, now: datetime) -> AccessToken:
        return read_token(reply, now, refused="Google refused a token for the configured credential")


def read_credential_file(content: bytes) -> CredentialFile:
    """Understand a credential file. Raises ConfigurationError with one sentence."""
    try:
        file = msgspec.json.decode(content, type=CredentialFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The Google credential file cannot be read: {error}.") from error
    complete = {
        "service_account": bool(file.client_email and file.private_key),
        "authorized_user": bool(file.client_id and file.client_secret and file.refresh_token),
    }
    if file.type not in complete:
        raise ConfigurationError(
            f"Google credential files of type {file.type!r} are not supported: use the JSON key of a service account."
        )
    if not complete[file.type]:
        raise ConfigurationError(f"The Google credential file of type {file.type} is incomplete: download it again.")
    return file


def token_request(file: CredentialFile, now: datetime) -> UpstreamRequest:
    """The request for an access token. `now` is aware. Raises ConfigurationError when the key cannot sign."""
    if file.type == "service_account":
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": service_account_assertion(file, now),
        }
    else:
        form = {
            "grant_type": "refresh_token",
            "client_id": file.client_id,
            "client_secret": file.client_secret,
            "refresh_token": file.refresh_token,
        }
    return form_request(file.token_uri, form)


def service_account_assertion(file: CredentialFile, now: datetime) -> str:
    """A JWT by which the service account asks for a token, signed with its key. Raises ConfigurationError."""
    header = {"alg": "RS256", "typ": "JWT"}
    if file.private_key_id:
        header["kid"] = file.private_key_id
    issued = int(now.timestamp())
    claims = {
        "iss": file.client_email,
        "scope": _SCOPE,
        "aud": file.token_uri,
        "iat": issued,
        "exp": issued + int(_LIFETIME.total_seconds()),
    }
    try:
        return jwt.encode(header, claims, RSAKey.import_key(file.private_key))
    except (JoseError, ValueError) as error:
        raise ConfigurationError(
            f"The private key of {file.client_email} cannot be used: download the JSON key again."
        ) from error
