"""Short-lived signed tokens (JWT, HS256): who somebody is, without a question to anybody."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_ALGORITHM: Final = "HS256"


class BadToken(Exception):
    """Not signed by us, changed, or too old."""


class TokenSigner:
    """Signs and reads tokens of one issuer."""

    def __init__(self, secret: str, issuer: str) -> None:
        self._key = OctKey.import_key(secret)
        self._issuer = issuer

    def sign(self, claims: Mapping[str, Any], now: datetime, lifetime: timedelta) -> str:
        """A token with these claims."""
        stamped = {**claims, "iss": self._issuer, "iat": int(now.timestamp()), "exp": int((now + lifetime).timestamp())}
        return jwt.encode({"alg": _ALGORITHM}, stamped, self._key)

    def read(self, token: str, now: datetime) -> Mapping[str, Any]:
        """Its claims. Raises BadToken."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise BadToken("not a token of ours") from error
        expires = claims.get("exp")
        if claims.get("iss") != self._issuer or not isinstance(expires, int):
            raise BadToken("not a token of ours")
        if expires <= now.timestamp():
            raise BadToken("expired")
        return claims
