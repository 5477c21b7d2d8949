"""A stream of a provider while it runs: read, understood, and watched for silence, and for what is held of it.

It may be of any length where it passes on: only its text is held, for the meter, and what its decoder keeps. Where an answer is
made of it, here or in the caller's dialect, all that came may be held, so that it ends where a whole answer would.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from llmgateway.dataplane.plan.targets import PhaseTimeouts
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.kit.http import Exchange, HttpError
from llmgateway.kit.sse import FrameTooLong
from llmgateway.kit.watchdog import Watchdog
from llmgateway.providers.base import Decoder, Step

_SILENCE_AFTER_FINISH = 2.0
"""How many seconds after its finish reason an answer counts as finished, if no terminator comes."""

_FIGURES_AFTER_FINISH = 5.0
"""The same while the provider has not reported the usage yet."""

_LAST_BYTES_SECONDS = 0.5
"""Seconds that the end of a body may take after its terminator; then the connection is closed."""

_MOST_SAID: Final = 16 << 20
"""Characters of an answer: many times what any model writes."""

_MOST_BEFORE: Final = 16 << 20
"""Bytes that are held back until the first content comes; when there are more, they go out all the same."""

_MOST_STEPS_BEFORE: Final = 10_000
"""The same in steps, since small steps take much more memory than their bytes."""


class LiveStream:
    """The steps of one running answer. Whoever holds it must close it."""

    __slots__ = (
        "_closed",
        "_decoder",
        "_dog",
        "_ended",
        "_exchange",
        "_figures",
        "_finished",
        "_held",
        "_news_at",
        "_now",
        "_passes",
        "_said",
        "_started",
        "_timeouts",
        "came",
        "native",
    )

    def __init__(
        self, exchange: Exchange, decoder: Decoder, timeouts: PhaseTimeouts, *, native: bool, passes: bool
    ) -> None:
        self.native = native
        """The steps carry the provider's own frames, because the caller speaks its dialect."""
        self._passes = passes
        """Nobody behind it makes an answer of the steps: they go out, and are forgotten."""
        self.came = 0
        """Bytes, so far."""
        self._said = 0
        """Characters, so far."""
        self._exchange = exchange
        self._decoder = decoder
        self._timeouts = timeouts
        self._held: Sequence[Step] = ()
        self._finished = False
        """A finish reason was seen."""
        self._figures = False
        """Usage came with it, or behind it."""
        self._ended = False
        """Nothing more will come."""
        self._closed = False
        self._dog = Watchdog()
        self._now = asyncio.get_running_loop().time
        self._started = self._news_at = self._now()
        """When it began, and when it last said something that counts behind its finish reason: pings do not."""

    async def first_content(self) -> None:
        """Read until something a caller waits for has come, or more than is held of what comes before; all of it is for `next`.

        Raises ProviderError when the stream fails or ends without any, HttpError when the connection does. An answer
        that finishes without content (an empty one) counts.
        """
        held: list[Step] = []
        while True:
            steps = self._understood(await self._exchange.piece())
            held += steps
            for step in steps:
                if step.error is not None:
                    raise step.error
            enough = self.came > _MOST_BEFORE or len(held) > _MOST_STEPS_BEFORE
            if enough or any(step.content or step.finish for step in steps):
                self._held = held
                return
            if self._ended:
                raise ProviderError(FailureKind.CUT, "The provider ended the stream before it said anything.")

    async def next(self) -> Sequence[Step]:
        """The next steps, empty at the end of a finished answer.

        Raises ProviderError when the stream breaks off, stays silent too long, or reports a failure (after the steps
        before it were handed out).
        """
        steps, self._held = self._held, ()
        while not steps and not self._ended:
            silent_at, late_at = self._silent_at(), self._started + self._timeouts.total
            try:
                with self._dog.until(min(silent_at, late_at)):
                    data = await self._exchange.piece()
            except (TimeoutError, HttpError) as error:
                if not self._finished:
                    raise self._cut(error, silent=silent_at < late_at) from error
                self._ended = True
                break
            steps = self._understood(data)
        if not steps and not self._finished:
            raise ProviderError(FailureKind.CUT, "The provider's stream ended before the answer was finished.")
        return self._until_error(steps)

    async def release(self) -> None:
        """The answer is out: read the body to its end, so that the connection can be used again."""
        try:
            async with asyncio.timeout(_LAST_BYTES_SECONDS):
                while not self._closed and await self._exchange.piece():
                    pass
        except (TimeoutError, HttpError):
            pass  # closed below: nobody waits for it
        self.close()

    def close(self) -> None:
        """Leave the provider; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._dog.close()
            self._exchange.close()

    def _until_error(self, steps: Sequence[Step]) -> Sequence[Step]:
        for index, step in enumerate(steps):
            if step.error is not None:
                if index == 0:
                    raise step.error
                self._held = steps[index:]
                return steps[:index]
        return steps

    def _silent_at(self) -> float:
        """When it has been silent for too long, unless something comes."""
        if not self._finished:
            return self._now() + self._timeouts.idle
        return self._news_at + (_SILENCE_AFTER_FINISH if self._figures else _FIGURES_AFTER_FINISH)

    def _cut(self, error: TimeoutError | HttpError, *, silent: bool) -> ProviderError:
        if isinstance(error, HttpError):
            return ProviderError(FailureKind.CUT, f"The provider's stream broke off: {error.message}")
        timeouts = self._timeouts
        what = f"was silent for {timeouts.idle:g} s" if silent else f"took longer than {timeouts.total:g} s"
        return ProviderError(FailureKind.TIMEOUT, f"The provider's stream {what}.")

    def _endless(self) -> ProviderError:
        limit = (
            f"{_MOST_SAID:,} characters" if self._said > _MOST_SAID else f"{self._exchange.most >> 20} MiB to be held"
        )
        return ProviderError(FailureKind.PROTOCOL, f"The provider's stream has no end: it is more than {limit}.")

    def _understood(self, data: bytes) -> Sequence[Step]:
        self.came += len(data)
        try:
            steps = self._decoder.feed(data) if data else self._decoder.close()
        except FrameTooLong as error:
            raise ProviderError(FailureKind.PROTOCOL, "The provider sent an event of more than 16 MiB.") from error
        except RecursionError as error:
            raise ProviderError(
                FailureKind.PROTOCOL, "The provider sent an event that is nested too deeply."
            ) from error
        if not data:
            self._ended = True
        for step in steps:
            self._said += len(step.text)
            if step.finish:
                self._finished = True
            if step.end and self._finished:
                self._ended = True
        held = self._decoder.kept if self._passes else self.came
        if held > self._exchange.most or self._said > _MOST_SAID:
            raise self._endless()
        if self._finished and any(step.finish or step.usage or step.content for step in steps):
            self._news_at = self._now()
            self._figures = self._figures or any(step.usage for step in steps)
        return steps
