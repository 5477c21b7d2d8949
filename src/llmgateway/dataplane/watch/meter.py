"""watch, the counting half: what one request used and cost; settles its ticket and writes its event exactly once."""

from collections.abc import Mapping
from io import StringIO
from typing import Final

import msgspec
import structlog

from llmgateway.canon.call import USUAL, Call, Operation
from llmgateway.canon.usage import Usage, UsageSource
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.contract.usage import Attempt, OpenRecord, Outcome, UsageEvent
from llmgateway.dataplane.admit.limits import Ticket
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.dataplane.lookup.cache import CachedAnswer, Look
from llmgateway.dataplane.observe.tracing import Trace
from llmgateway.dataplane.plan.targets import RoutePlan, Target
from llmgateway.dataplane.watch.contents import may_be_kept
from llmgateway.dataplane.watch.costs import Costs, PricedUsage
from llmgateway.dataplane.watch.instruments import Instruments
from llmgateway.dataplane.watch.reckoning import reckon
from llmgateway.errors import Problem, ProviderError
from llmgateway.kit.ids import id_time
from llmgateway.kit.money import usd
from llmgateway.providers.base import Answer, Step

_log = structlog.get_logger(__name__)
_LONGEST_MESSAGE: Final = 1000
"""Characters of what the caller was told that are kept."""


class Meter:
    """Follows one request from the moment its key is known: counts what it uses, prices it, and writes its one event."""

    def __init__(
        self, instruments: Instruments, trace: Trace, request_id: str, key: KeySnapshot, operation: str, dialect: str
    ) -> None:
        self._use = instruments
        self._trace = trace
        self._id = request_id
        self._key = key
        self._operation = operation
        self._dialect = dialect
        self._call: Call | None = None
        self._ticket: Ticket | None = None
        self._plan: RoutePlan | None = None
        self._look: Look | None = None
        self._target: Target | None = None
        """The target asked last: the one that serves when the request succeeds."""
        self._running = False
        """Whether a target was asked and the last one has not failed."""
        self._attempts: list[Attempt] = []
        self._expected = Usage()
        """The prompt as counted here, with the tier, speed and region that the target asked last shall serve it in."""
        self._usage: Usage | None = None
        self._text = StringIO()
        """The answer's text so far. A list of its pieces would take many times the memory."""
        self._content = False
        self._finished = False
        """Whether the answer of the target asked last has ended; its usage may still follow."""
        self._started = instruments.clock.monotonic()
        self._at = id_time(request_id)
        self._costs = Costs(instruments.catalog, key, self._at)
        self._first_token_ms: int | None = None
        self._asked_at = self._content_at = self._started
        """Monotonic seconds: when the last target was asked, and when the first content came."""
        self._event: UsageEvent | None = None
        instruments.counting.running += 1

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(self._attempts)

    @property
    def prompt_tokens(self) -> int:
        """The prompt's tokens as counted here, before a target was asked."""
        return self._expected.prompt_tokens

    @property
    def figures(self) -> Usage:
        """The usage of a finished answer: the provider's own figures, or those counted here where it told none."""
        return self._count(Outcome.FINISHED)[0]

    @property
    def severed(self) -> bool:
        """Whether the connection to the caller is to be cut, because it asked the sandbox for that fault and got it."""
        return bool(self._attempts) and self._call is not None and self._call.wishes.severed

    @property
    def settled(self) -> bool:
        return self._event is not None

    @property
    def finished(self) -> bool:
        """Whether every choice has ended: the provider generates nothing more, and only its usage may still come."""
        return self._finished

    @property
    def trace_headers(self) -> Mapping[str, str]:
        """Headers that tell the target about the request's trace."""
        return self._trace.headers

    def count_prompt(self, call: Call) -> int:
        """The request has been read as this call. Returns the tokens of its prompt."""
        self._call = call
        self._expected = Usage(prompt_tokens=self._use.tokenizer.count_prompt(call.canon, call.model))
        return self.prompt_tokens

    async def admit(self, need: Need) -> None:
        """Reserve everything the call may use. Raises TooMany, PaymentRequired, Unavailable."""
        self._ticket = await self._use.limiter.admit(self._key, self._id, need)

    def counted_here(self) -> Answer:
        """The answer to a call that counts tokens, where no target can count them: the gateway's own figure."""
        return Answer(body={"input_tokens": self.prompt_tokens}, usage=None)

    def planned(self, plan: RoutePlan) -> None:
        """The plan has been made."""
        self._plan = plan

    def opens(self, target: Target) -> None:
        """A target is about to be asked. From here on the request is billed even if this process dies.

        Raises Unavailable when the open record cannot be written.
        """
        self._target, self._usage, self._running, self._finished = target, None, True, False
        self._trace.asks(target)
        self._asked_at = self._use.clock.monotonic()
        if not self._attempts:
            self._use.counting.asks(self._asked_at - self._started)
        call = self._known_call()
        wished = target.provider.terms(call).at(target.host.terms)
        prompt_tokens = self.prompt_tokens
        self._expected = Usage(prompt_tokens, tier=wished.tier, speed=wished.speed, region=wished.region)
        asked = Usage() if self._only_counts else self._expected
        cost, version = (0, None) if self._only_counts else self._costs.cost(target, asked)
        terms = None if wished == USUAL else asked.details()
        self._use.recorder.open(
            OpenRecord(
                id=self._id,
                org_id=self._key.org.id,
                key_id=self._key.id,
                project_id=self._key.project_id,
                operation=self._operation,
                dialect=self._dialect,
                model=call.model,
                provider=target.host.id,
                served_model=target.model,
                stream=call.stream,
                prompt_tokens=asked.prompt_tokens,
                cost_nanos=cost,
                charge_nanos=self._costs.charge(cost, target, self._key.org.tariff.marked_up),
                price_version=version,
                wished=self._costs.noting_tariff(terms, target, cost, version),
                credential=target.brought,
                test=self._key.test,
                tags=self._key.tags,
            )
        )

    def looked_up(self, look: Look) -> None:
        """The cache was asked; a hit will be the answer."""
        self._look = look

    def attempted(self, attempt: Attempt) -> None:
        """An attempt is over, or its answer has begun."""
        self._attempts.append(attempt)
        self._running = attempt.outcome == "ok"
        if not self._running and not self._content:
            self._text = StringIO()  # the caller gets nothing of an answer that failed while it was assembled
        self._trace.attempted(attempt)

    def broke(self, error: ProviderError) -> None:
        """The answer of the last attempt broke off after all."""
        self._trace.broke(error)
        self._finished = False
        last = self._attempts.pop()
        self._attempts.append(msgspec.structs.replace(last, outcome=error.kind, message=error.message[:500]))

    def observe(self, step: Step) -> None:
        """A step of the stream is about to go to the caller."""
        if step.content and not self._content:
            self._content = True
            self._first_token_ms = self._milliseconds()
            self._content_at = self._use.clock.monotonic()
        if step.text:
            self._text.write(step.text)
        if step.usage is not None:
            self._usage = step.usage
        if step.finish:
            self._finished = True

    def overhears(self, step: Step) -> None:
        """A step of an answer that is assembled here: it is used, though the caller has nothing of it yet."""
        self._text.write(step.text)
        self._usage = step.usage or self._usage
        self._finished = self._finished or step.finish is not None

    def received(self, answer: Answer) -> None:
        """A whole answer has come."""
        self._content = True
        self._usage = answer.usage
        self._text = StringIO()
        self._text.write(answer.text)

    def headers(self) -> list[tuple[str, str]]:
        """The gateway's own response headers, as far as they are known now."""
        lines = list(self._ticket.headers) if self._ticket else []
        lines.append(("x-llmgateway-cache", self._cache))
        if self._hit is not None:
            lines.append(("x-llmgateway-provider", self._hit.provider))
            lines.append(("x-llmgateway-model", self._hit.served_model))
        if self._attempts:
            lines.append(("x-llmgateway-attempts", str(len(self._attempts))))
        if self._target is not None and self._attempts and self._attempts[-1].outcome == "ok":
            lines.append(("x-llmgateway-provider", self._target.host.id))
            lines.append(("x-llmgateway-model", self._target.model))
            if self._target.dropped and self._call is not None:
                dropped = sorted(set(map(self._call.in_body, self._target.dropped)))
                lines.append(("x-llmgateway-dropped-params", ", ".join(dropped)))
        return lines

    def cost_header(self) -> tuple[str, str]:
        """`x-llmgateway-cost-usd`; call it after `settle`."""
        cost = self._event.cost_nanos if self._event else None
        return ("x-llmgateway-cost-usd", "unpriced" if cost is None else usd(cost))

    @property
    def _only_counts(self) -> bool:
        """Whether the call only asks how many tokens it has: no model reads them, and no provider bills them.

        Pages: https://platform.claude.com/docs/en/build-with-claude/token-counting, https://ai.google.dev/gemini-api/docs/billing.
        """
        return self._operation == Operation.COUNT_TOKENS

    @property
    def _cache(self) -> str:
        return self._look.status if self._look else "bypass"

    @property
    def _hit(self) -> CachedAnswer | None:
        return self._look.entry if self._look else None

    async def settle(self, outcome: Outcome, status: int, problem: Problem | None = None) -> UsageEvent:
        """Write the event and settle the ticket, once; a second call only returns the event."""
        if self._event is not None:
            return self._event
        event = self._event = self._make_event(outcome, status, problem)
        self._report_speed(event)
        self._use.counting.running -= 1
        try:
            self._use.recorder.close(event)
        finally:
            try:
                if self._ticket is not None:
                    await self._use.limiter.end(self._ticket, event)
            finally:
                self._tell_observers(event)
        return event

    def _tell_observers(self, event: UsageEvent) -> None:
        """Logs, metrics and traces hear of the event last, so that a fault in them cannot harm the money."""
        self._warn_of_incredible_usage(event)
        self._use.counting.ended(event)
        self._use.request_log.ended(event)
        if self._call is not None and may_be_kept(event, self._key, self._call):
            text = self._text.getvalue()
            self._use.contents.ended(event, self._key, self._call, text)
            self._trace.said(self._call, text)
        self._trace.settled(event)

    def _report_speed(self, event: UsageEvent) -> None:
        """Tell health how fast the target was, from when it was asked; nothing when two targets gave one answer."""
        if event.outcome is not Outcome.FINISHED or not self._target or not self._plan or not self._plan.watched:
            return
        streamed = event.first_token_ms is not None
        if streamed and self._content_at < self._asked_at:
            return
        first = self._content_at - self._asked_at if streamed else None
        writing = self._use.clock.monotonic() - (self._content_at if streamed else self._asked_at)
        self._use.health.answered(self._target.path, first, event.completion_tokens, writing)

    def _make_event(self, outcome: Outcome, status: int, problem: Problem | None) -> UsageEvent:
        priced = self._priced_usage(outcome)
        usage, details = priced.usage, priced.usage.details()
        provider = served_model = None
        if self._hit is not None:
            provider, served_model = self._hit.provider, self._hit.served_model
        elif self._target is not None and self._was_asked(outcome):
            provider, served_model = self._target.host.id, self._target.model
            details = self._target.details(usage)
            details = self._costs.noting_tariff(details, self._target, priced.cost, priced.price_version)
        call, plan = self._call, self._plan
        return UsageEvent(
            id=self._id,
            org_id=self._key.org.id,
            key_id=self._key.id,
            project_id=self._key.project_id,
            created_at=self._at,
            operation=self._operation,
            dialect=self._dialect,
            model=call.model if call else "",
            provider=provider,
            served_model=served_model,
            outcome=outcome,
            status=status,
            error_code=problem.code if problem else None,
            error_message=problem.message[:_LONGEST_MESSAGE] if problem else None,
            stream=bool(call and call.stream),
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            usage_details=details,
            cost_nanos=priced.cost,
            charge_nanos=priced.charge,
            list_cost_nanos=priced.list_cost,
            price_version=priced.price_version,
            usage_source=priced.usage_source,
            cache=self._cache,
            test=self._key.test,
            duration_ms=self._milliseconds(),
            first_token_ms=self._first_token_ms,
            attempts=self.attempts,
            plan=plan.steps if plan else (),
            tags=self._key.tags,
        )

    def _priced_usage(self, outcome: Outcome) -> PricedUsage:
        """What the request used and costs. A cache hit costs nothing, and saves its list cost."""
        if self._hit is not None:
            return PricedUsage(self._hit.usage or self._count(outcome)[0], list_cost=self._hit.list_cost_nanos)
        target = self._target
        if target is None or not self._has_used(outcome):
            return PricedUsage()
        usage, source = self._count(outcome)
        usage = target.located(usage)
        cost, version = self._costs.cost(target, usage)
        failed = outcome in (Outcome.FAILED, Outcome.REFUSED)
        charge = 0 if failed else self._costs.charge(cost, target, self._key.org.tariff.charge)
        asked = self._plan.asked if self._plan else None
        list_cost = self._costs.list_cost(usage, cost, asked=asked, served=target)
        return PricedUsage(usage, source, cost, charge, list_cost, version)

    def _has_used(self, outcome: Outcome) -> bool:
        """Whether anything counts: what was sent upstream does, also when the caller left; a failure without content does not."""
        return not self._only_counts and (outcome is Outcome.FINISHED or self._left_running(outcome) or self._content)

    def _was_asked(self, outcome: Outcome) -> bool:
        """Whether the target asked last is named as the one that served, or failed."""
        return bool(self._attempts) or self._left_running(outcome)

    def _left_running(self, outcome: Outcome) -> bool:
        """Whether the caller left while a target was at work."""
        return outcome is Outcome.ABANDONED and self._running

    def _count(self, outcome: Outcome) -> tuple[Usage, UsageSource]:
        return reckon(self._usage, self._expected, self._seen, whole=self._finished or outcome is Outcome.FINISHED)

    def _seen(self) -> int:
        """Tokens of the answer's text, as counted here."""
        return self._use.tokenizer.count_text(self._text.getvalue(), self._target.model if self._target else "")

    def _warn_of_incredible_usage(self, event: UsageEvent) -> None:
        if event.usage_source is UsageSource.PROVIDER or self._usage is None or self._target is None:
            return
        if not self._usage.credible:
            figures = {"prompt": self._usage.prompt_tokens, "completion": self._usage.completion_tokens}
            _log.warning(
                "a provider told more tokens than any model has; counted here instead",
                request=self._id,
                target=self._target.name,
                told={name: f"{tokens:.3g}" for name, tokens in figures.items()},
            )

    def _milliseconds(self) -> int:
        return round((self._use.clock.monotonic() - self._started) * 1000)

    def _known_call(self) -> Call:
        if self._call is None:
            raise RuntimeError("a target is asked only after the call was admitted")
        return self._call
