"""Short-lived tokens of clouds: fetched when needed, kept until they are due for renewal, by one request for all who wait."""

import asyncio
from collections.abc import Mapping

from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.clock import Clock
from llmgateway.kit.http import HttpError, Transport
from llmgateway.providers.base import AccessToken, Grant, UpstreamReply

_SECONDS = 10.0


class TokenSource:
    """Holds one token per credential."""

    def __init__(self, transports: Mapping[str, Transport], clock: Clock) -> None:
        self._transports = transports
        self._clock = clock
        self._tokens: dict[str, AccessToken] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def token(self, credential_id: str, grant: Grant) -> str:
        """A token that is valid now. Raises ProviderError."""
        known = self._tokens.get(credential_id)
        if known is not None and known.renew_at > self._clock.now():
            return known.value
        async with self._locks.setdefault(credential_id, asyncio.Lock()):
            known = self._tokens.get(credential_id)
            if known is None or known.renew_at <= self._clock.now():
                known = self._tokens[credential_id] = await self._fetch(grant)
        return known.value

    async def _fetch(self, grant: Grant) -> AccessToken:
        request = grant.request(self._clock.now())
        transport = self._transports[request.url.partition(":")[0]]
        try:
            async with asyncio.timeout(_SECONDS):
                exchange = await transport.send(
                    request.method, request.url, request.headers, request.body, connect_seconds=_SECONDS
                )
                reply = UpstreamReply(exchange.status, exchange.headers, await exchange.read())
        except TimeoutError as error:
            raise ProviderError(FailureKind.TIMEOUT, "The provider's token endpoint did not answer in time.") from error
        except HttpError as error:
            raise ProviderError(
                FailureKind.CONNECTION, f"The provider's token endpoint could not be reached: {error.message}"
            ) from error
        return grant.read(reply, self._clock.now())
