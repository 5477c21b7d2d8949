"""dispatch: ask the plan's targets in order until one answers. The only provider I/O on a request's path."""

import asyncio
import math
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import msgspec

from llmgateway.canon.call import Call
from llmgateway.contract.usage import Attempt
from llmgateway.dataplane.dispatch.attempt import Asker, Manner, Served, can_be_assembled
from llmgateway.dataplane.dispatch.failure import Failure, final_problem
from llmgateway.dataplane.dispatch.retries import Retries
from llmgateway.dataplane.plan.health import Health
from llmgateway.dataplane.plan.targets import RoutePlan, Target
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.clock import Clock
from llmgateway.kit.http import Transport
from llmgateway.kit.vault import Vault
from llmgateway.providers.base import Step

_ATTEMPTS_IN_ALL = 6
_PATIENT_RETRY_SECONDS = 5.0
_BACKOFF_SECONDS = 0.2
_WORTH_RETRYING = frozenset(
    {
        FailureKind.RATE_LIMITED,
        FailureKind.OVERLOADED,
        FailureKind.SERVER_ERROR,
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.CUT,
    }
)
"""Failures that may pass, so that the same target is asked again.

A timeout counts only where the provider itself reported it (408, 504): a silent target is asked once. An answer that broke off
before the caller had any of it is asked for again only when no other target is left.
"""
_FINAL = frozenset({FailureKind.CONTENT_FILTERED})
"""Failures after which no other target is asked: a refusal of the content is never shopped around."""
_OF_THE_CREDENTIAL = frozenset(
    {
        FailureKind.AUTH,
        FailureKind.BILLING,
        FailureKind.RATE_LIMITED,
        FailureKind.NOT_FOUND,
        FailureKind.STORED_ELSEWHERE,
    }
)
"""Failures that another credential for the same model at the same host may not have."""

_NOT_ASKED = -math.inf
"""Stands for the time of an attempt that failed before the provider was asked: health ignores it."""


class Witness(Protocol):
    """Who is told of every attempt, as the meter is."""

    def opens(self, target: Target) -> None:
        """Called before the first byte goes to a target. Raises Unavailable when that cannot be recorded."""
        ...

    @property
    def trace_headers(self) -> Mapping[str, str]:
        """Headers that tell the target about the request's trace; usually none."""
        ...

    def overhears(self, step: Step) -> None:
        """Called for each step of a stream that is assembled here: the caller gets all of it or, if the attempt fails, nothing."""
        ...

    def attempted(self, attempt: Attempt) -> None:
        """Called after each attempt, good or bad."""
        ...

    def broke(self, error: ProviderError) -> None:
        """Called when the last attempt's answer broke off after it had begun."""
        ...


class Dispatcher:
    """Asks providers, for all requests of this process."""

    def __init__(
        self, transports: Mapping[str, Transport], clock: Clock, health: Health, vault: Vault, retries: Retries
    ) -> None:
        self._asker = Asker(transports, clock, vault)
        self._clock = clock
        self._health = health
        self._retries = retries

    def asking(self, call: Call, plan: RoutePlan, witness: Witness, org_id: str) -> "Asking":
        """Begin to ask the targets of a plan for an organisation; nothing is sent before `first`."""
        self._retries.earn(org_id)
        health, may_retry = self._health if plan.watched else None, partial(self._retries.spend, org_id)
        return Asking(self._asker, self._clock, health, may_retry, (call, plan, witness))


class Asking:
    """One request on its way through its plan: which targets were asked, and what came of it."""

    def __init__(
        self,
        asker: Asker,
        clock: Clock,
        health: Health | None,
        may_retry: Callable[[], bool],
        request: tuple[Call, RoutePlan, Witness],
    ) -> None:
        self._asker = asker
        self._clock = clock
        self._health = health
        self._may_retry = may_retry
        self.call, self._plan, self._witness = request
        self._failures: list[Failure] = []
        self._asked_at = _NOT_ASKED
        """When the last target was asked, by the clock of `health`."""
        self._credentials: Sequence[str] = ()
        """Secrets that the last target was asked with; error messages must not show them."""
        self._waiting: list[Target] = list(self._plan.targets)
        """Targets that were not asked yet, in order."""

    @property
    def attempts_left(self) -> int:
        return _ATTEMPTS_IN_ALL - len(self._failures)

    @property
    def others(self) -> Sequence[Target]:
        """The targets that are left, behind the one that serves."""
        return self._waiting

    async def first(self) -> Served:
        """Ask until a target answers. Raises the Problem that sums up why none did."""
        while self._waiting and self.attempts_left > 0:
            target = self._next()
            served = await self._retried(target)
            if served is not None:
                return served
            kind = self._failures[-1].error.kind
            if kind in _FINAL:
                break
            self._waiting = [other for other in self._waiting if _may_fare_better(other, target, kind)]
        raise final_problem(self._failures)

    def _next(self) -> Target:
        """Take the next target. One whose circuit opened since the plan was made is asked after those that are well."""
        target = next(filter(self._is_well, self._waiting), self._waiting[0])
        self._waiting.remove(target)
        return target

    def _is_well(self, target: Target) -> bool:
        return self._health is None or self._health.cooled(target.path) is None

    async def take_over(self, call: Call, target: Target) -> Served:
        """Ask another target for a stream that goes on behind one that broke off. Raises ProviderError."""
        return await self._once(call, target, Manner.TRANSLATED, target.timeouts.first_token)

    def broke(self, target: Target, error: ProviderError) -> None:
        """Note that the running answer of a target broke off."""
        error.strike_out(self._credentials)
        self._witness.broke(error)
        if self._health is not None:
            self._health.broke(target.path, error, self._asked_at)

    async def _retried(self, target: Target) -> Served | None:
        """Ask a target, and again where that is worth it; None when the next target shall be asked.

        A caller whose library retries by itself gets no retries here: the two would multiply.
        """
        retries = 0 if self.call.wishes.retries_itself else target.retries
        manner = self._manner(target)
        seconds = self._limit(target, manner)
        for number in range(retries + 1):
            try:
                return await self._once(self.call, target, manner, seconds)
            except ProviderError as error:
                pause = _pause(error, number)
                if pause is None or number == retries or not self._worth_staying(target, error):
                    return None
                if not self._may_retry():
                    return None
            await asyncio.sleep(pause)
        return None

    def _worth_staying(self, target: Target, error: ProviderError) -> bool:
        """Whether to ask the same target again rather than the next one.

        Every other target must keep one attempt of the budget, and another credential is tried before waiting for this one.
        """
        waiting = {other.name for other in self._waiting}
        if error.kind is FailureKind.CUT and waiting - {target.name}:
            return False
        siblings = [other for other in self._waiting if other.name == target.name]
        if error.kind in _OF_THE_CREDENTIAL and any(map(self._is_well, siblings)):
            return False
        return self.attempts_left > len(waiting)

    def _manner(self, target: Target) -> Manner:
        several = not self.call.stream and self._is_followed(target, self._plan.targets)
        return Manner.ASSEMBLED if several and can_be_assembled(self.call) else Manner.AS_IT_CAME

    def _limit(self, target: Target, manner: Manner) -> float:
        """Seconds until the first content must come. The last target has none behind it, so only its total time is limited."""
        streamed = self.call.stream or manner is Manner.ASSEMBLED
        followed = streamed and self._is_followed(target, self._waiting)
        return target.timeouts.first_token if followed else target.timeouts.total

    def _is_followed(self, target: Target, targets: Sequence[Target]) -> bool:
        """Whether one of the targets is another model or host than this one."""
        return any(other is not target and other.name != target.name for other in targets)

    async def _once(self, call: Call, target: Target, manner: Manner, seconds: float) -> Served:
        start, health, self._asked_at = self._clock.monotonic(), self._health, _NOT_ASKED
        try:
            request = await self._asker.request(call, target, manner)
            self._credentials = request.credentials
            self._witness.opens(target)
            if told := self._witness.trace_headers:
                request = msgspec.structs.replace(request, headers={**request.headers, **told})
            if health is not None:
                self._asked_at = health.asks(target.path)
            served = await self._asker.send(
                request, call, target, manner, seconds=seconds, listener=self._witness.overhears
            )
        except asyncio.CancelledError:
            if health is not None:
                health.left(target.path)
            raise
        except ProviderError as error:
            error.strike_out(self._credentials)
            attempt = self._report(target, start, error)
            self._witness.attempted(attempt)
            self._failures.append(Failure(attempt, error, native=target.provider.speaks(call)))
            if health is not None:
                health.failed(target.path, error, self._asked_at)
            raise
        self._witness.attempted(self._report(target, start, None, streams=served.stream is not None))
        if health is not None:
            health.succeeded(target.path, self._asked_at)
        return served

    def _report(self, target: Target, start: float, error: ProviderError | None, *, streams: bool = False) -> Attempt:
        """The attempt as events and error bodies list it; of a stream, the time is that of its first content."""
        milliseconds = round((self._clock.monotonic() - start) * 1000)
        return Attempt(
            provider=target.host.id,
            model=target.model,
            status=error.status if error else 200,
            outcome=error.kind if error else "ok",
            milliseconds=milliseconds,
            first_token_milliseconds=milliseconds if streams else None,
            message=error.message[:500] if error else "",
            credential=target.brought,
        )


def _may_fare_better(other: Target, failed: Target, kind: FailureKind) -> bool:
    """Whether another target is worth asking after this failure."""
    if other.name == failed.name:
        return kind in _OF_THE_CREDENTIAL
    if kind is FailureKind.CONTEXT_TOO_LONG and other.context is not None and failed.context is not None:
        return other.context > failed.context
    return True


def _pause(error: ProviderError, number: int) -> float | None:
    """Seconds to wait before asking the same target again; None when it is not worth it."""
    silent = error.kind is FailureKind.TIMEOUT and error.status is None
    if silent or error.kind not in _WORTH_RETRYING:
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= _PATIENT_RETRY_SECONDS else None
    return random.uniform(0, _BACKOFF_SECONDS * 2**number)  # noqa: S311 full jitter is no secret
