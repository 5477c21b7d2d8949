"""Does a credential work? Asked with a call that costs nothing."""

import asyncio
from typing import Final

from llmgateway.dataplane.plan.hosts import Credential, Host
from llmgateway.errors import ProviderError
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.http import HttpError, Transport
from llmgateway.providers.base import Place, UpstreamReply

NO_FREE_CALL: Final = "not tried: there is no free call for it"
_SECONDS: Final = 10.0


async def probe(transport: Transport, host: Host, credential: Credential) -> str:
    """What is wrong with it, empty when it works, NO_FREE_CALL where it cannot be tried."""
    place = Place(
        model="",
        base_url=host.base_url,
        secrets=credential.secrets,
        options=host.options,
        stream=False,
        now=SystemClock().now(),
    )
    grant = credential.grant
    request = host.provider.probe(place) if grant is None else grant.request(place.now)
    if request is None or not request.url.startswith("http"):
        return NO_FREE_CALL
    try:
        async with asyncio.timeout(_SECONDS):
            exchange = await transport.send(
                request.method, request.url, request.headers, request.body, connect_seconds=_SECONDS
            )
            reply = UpstreamReply(exchange.status, exchange.headers, await exchange.read())
    except TimeoutError:
        return f"did not answer within {_SECONDS:g} s"
    except HttpError as error:
        return f"cannot be reached: {error.message}"
    if grant is None:
        return "" if reply.status < 300 else f"{reply.status}: {host.provider.classify(reply).message}"
    try:
        grant.read(reply, place.now)
    except ProviderError as error:
        return f"{reply.status}: {error.message}"
    return ""
