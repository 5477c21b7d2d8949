"""One log line for each request that is over: for all of them, only for failed ones (including the gateway's own 5xx), or none."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

import structlog

from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.errors import Problem
from llmgateway.kit.money import usd_or_none

Which = Literal["all", "failed", "none"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RequestLog:
    """The request log of one process. Its lines carry the ids of the request's task."""

    which: Which

    def ended(self, event: UsageEvent) -> None:
        """A request with a known key is over."""
        failed = event.outcome is Outcome.FAILED or event.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if not self._tells(failed=failed):
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
            cost_usd=usd_or_none(event.cost_nanos),
            cache=event.cache,
            milliseconds=event.duration_ms,
        )

    def turned_away(self, problem: Problem, request_id: str) -> None:
        """A request ended before its key was known."""
        failed = problem.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if self._tells(failed=failed):
            say = log.warning if failed else log.info
            say("request turned away", request_id=request_id, status=problem.http_status, code=problem.code)

    def _tells(self, *, failed: bool) -> bool:
        return self.which == "all" or (self.which == "failed" and failed)
