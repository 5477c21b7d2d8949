"""A line in the log for requests that are over: all of them, those that failed, or none."""

from dataclasses import dataclass
from typing import Literal

import structlog

from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.kit.money import usd

Which = Literal["all", "failed", "none"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RequestLog:
    """One for a process. Its lines carry the ids that the request's task speaks of."""

    which: Which

    def ended(self, event: UsageEvent) -> None:
        """A request is over."""
        failed = event.outcome is Outcome.FAILED
        if self.which == "none" or (self.which == "failed" and not failed):
            return
        say = log.warning if failed else log.info
        say(
            f"request {event.outcome}",
            operation=event.operation,
            model=event.model,
            provider=event.provider,
            served_model=event.served_model,
            status=event.status,
            code=event.error_code,
            attempts=[f"{one.provider}/{one.model}: {one.outcome}" for one in event.attempts],
            prompt_tokens=event.prompt_tokens,
            completion_tokens=event.completion_tokens,
            cost_usd=None if event.cost_nanos is None else usd(event.cost_nanos),
            cache=event.cache,
            milliseconds=event.duration_ms,
        )
