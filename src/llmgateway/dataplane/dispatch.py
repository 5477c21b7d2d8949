"""dispatch: ask the plan's targets in order until one answers. The only provider I/O on a request's path."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from llmgateway.canon.call import Call
from llmgateway.contract.usage import Attempt
from llmgateway.dataplane.failure import Failure, final_problem
from llmgateway.dataplane.live import LiveStream
from llmgateway.dataplane.router import Plan, Target
from llmgateway.dataplane.token_source import TokenSource
from llmgateway.errors import BadRequest, FailureKind, ProviderError
from llmgateway.kit.clock import Clock
from llmgateway.kit.http import Exchange, HttpError, Transport, Trouble
from llmgateway.providers.base import Answer, Place, Reply, UpstreamRequest

_ATTEMPTS_IN_ALL = 6
_PATIENT_RETRY_SECONDS = 5.0
_BACKOFF_SECONDS = 0.2
_WORTH_RETRYING = frozenset(
    {FailureKind.RATE_LIMITED, FailureKind.OVERLOADED, FailureKind.SERVER_ERROR, FailureKind.CONNECTION}
)
_FINAL = frozenset({FailureKind.CONTENT_FILTERED})
"""A refusal of the content is never shopped around."""


class Witness(Protocol):
    """Who must know of attempts: the meter."""

    def opens(self, target: Target) -> None:
        """Called before the first byte goes to a target. Raises Unavailable when it cannot be remembered."""
        ...

    def attempted(self, attempt: Attempt) -> None:
        """Called after each attempt, good or bad."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """A target that answers: with a whole answer, or a stream whose first content has come."""

    target: Target
    answer: Answer | None
    stream: LiveStream | None


class Dispatcher:
    """Holds the transports; one for all requests."""

    def __init__(self, transports: Mapping[str, Transport], clock: Clock) -> None:
        self._transports = transports
        """URL scheme -> transport."""
        self._clock = clock
        self._tokens = TokenSource(transports, clock)

    async def serve(self, call: Call, plan: Plan, witness: Witness) -> Served:
        """The first target that answers. Raises the Problem that sums up why none did."""
        failures = list[Failure]()
        for position, target in enumerate(plan.targets):
            last = position == len(plan.targets) - 1
            served = await self._ask(call, target, witness, failures, last=last)
            if served is not None:
                return served
            if len(failures) >= _ATTEMPTS_IN_ALL or failures[-1][1].kind in _FINAL:
                break
        raise final_problem(failures)

    async def _ask(
        self, call: Call, target: Target, witness: Witness, failures: list[Failure], *, last: bool
    ) -> Served | None:
        """One attempt, and its retries where they are worth it; None leaves it to the next target."""
        for number in range(target.retries + 1):
            start = self._clock.monotonic()
            try:
                served = await self._attempt(call, target, witness, last=last)
            except ProviderError as error:
                attempt = self._report(target, start, error)
                witness.attempted(attempt)
                failures.append((attempt, error))
                pause = _pause(error, number)
                if pause is None or number == target.retries or len(failures) >= _ATTEMPTS_IN_ALL:
                    return None
                await asyncio.sleep(pause)
            else:
                witness.attempted(self._report(target, start, None))
                return served
        return None

    def _report(self, target: Target, start: float, error: ProviderError | None) -> Attempt:
        return Attempt(
            provider=target.host.id,
            model=target.model,
            status=error.status if error else 200,
            outcome=error.kind if error else "ok",
            milliseconds=round((self._clock.monotonic() - start) * 1000),
            message=error.message[:500] if error else "",
        )

    async def _attempt(self, call: Call, target: Target, witness: Witness, *, last: bool) -> Served:
        provider = target.provider
        request = await self._request(call, target)
        transport = self._transports[request.url.partition(":")[0]]
        witness.opens(target)
        # The last target has nobody behind it: only the whole time is limited.
        limit = target.patience.total if last or not call.stream else target.patience.first_token
        try:
            async with asyncio.timeout(limit):
                exchange = await transport.send(
                    request.method,
                    request.url,
                    request.headers,
                    request.body,
                    connect_seconds=target.patience.connect,
                )
                return await _understand(exchange, call, target)
        except TimeoutError as error:
            raise ProviderError(FailureKind.TIMEOUT, f"{provider.title} did not answer within {limit:g} s.") from error
        except HttpError as error:
            raise _unreachable(error, provider.title) from error

    async def _request(self, call: Call, target: Target) -> UpstreamRequest:
        credential = target.credential
        secrets = credential.secrets
        if credential.grant is not None:
            secrets = {**secrets, "token": await self._tokens.token(credential.id, credential.grant)}
        place = Place(
            model=target.model,
            base_url=target.host.base_url,
            secrets=secrets,
            options=target.host.options,
            stream=call.stream,
            now=self._clock.now(),
            dropped=target.dropped,
        )
        try:
            return target.provider.build(call, place)
        except BadRequest as error:
            raise ProviderError(
                FailureKind.BAD_REQUEST, error.message, status=400, code=error.code, param=error.param
            ) from error


async def _understand(exchange: Exchange, call: Call, target: Target) -> Served:
    """The answer behind an exchange; only a stream that has begun keeps it open. Raises ProviderError, HttpError."""
    provider, kept = target.provider, False
    try:
        if not 200 <= exchange.status < 300:
            raise provider.classify(Reply(exchange.status, exchange.headers, await exchange.read()))
        if not call.stream:
            return Served(
                target, provider.read(call, Reply(exchange.status, exchange.headers, await exchange.read())), None
            )
        native = provider.speaks(call)
        stream = LiveStream(exchange, provider.decoder(call, native=native), target.patience, native=native)
        await stream.first_content()
        kept = True
        return Served(target, None, stream)
    finally:
        if not kept:
            exchange.close()


def _unreachable(error: HttpError, title: str) -> ProviderError:
    if error.trouble is Trouble.CONNECT_TIMEOUT:
        return ProviderError(FailureKind.TIMEOUT, f"{title} could not be reached in time: {error.message}")
    if error.trouble is Trouble.PROTOCOL:
        return ProviderError(FailureKind.PROTOCOL, f"{title} sent what is no HTTP: {error.message}")
    return ProviderError(FailureKind.CONNECTION, f"{title} could not be reached: {error.message}")


def _pause(error: ProviderError, number: int) -> float | None:
    """Seconds to wait before asking the same target again; None when it is not worth it."""
    if error.kind not in _WORTH_RETRYING:
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= _PATIENT_RETRY_SECONDS else None
    return random.uniform(0, _BACKOFF_SECONDS * 2**number)  # noqa: S311 full jitter is no secret
