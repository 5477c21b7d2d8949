"""What every meter of a process reads and writes."""

from dataclasses import dataclass

from llmgateway.catalog.catalog import Catalog
from llmgateway.catalog.tokens import Tokenizer
from llmgateway.dataplane.admit.limits import Limiter
from llmgateway.dataplane.observe.counting import Counting
from llmgateway.dataplane.plan.health import Health
from llmgateway.dataplane.watch.contents import ContentLog
from llmgateway.dataplane.watch.recording import Recorder
from llmgateway.dataplane.watch.request_log import RequestLog
from llmgateway.errors import Problem
from llmgateway.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """Where requests are counted, priced, recorded and logged."""

    limiter: Limiter
    recorder: Recorder
    catalog: Catalog
    tokenizer: Tokenizer
    clock: Clock
    health: Health
    counting: Counting
    request_log: RequestLog
    contents: ContentLog

    def turned_away(self, problem: Problem, request_id: str) -> None:
        """A request ended before its key was known, so that it has no meter."""
        self.counting.refused(problem.code)
        self.request_log.turned_away(problem, request_id)
