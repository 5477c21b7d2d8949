"""watch, the counting half: what one request used and cost; settles its ticket and writes its event exactly once."""

from collections.abc import Callable, Mapping
from io import StringIO
from typing import Final

import msgspec
import structlog

from llmgateway.canon.call import USUAL, Call, Operation
from llmgateway.canon.usage import Usage, UsageSource
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.contract.usage import Attempt, OpenRecord, Outcome, UsageEvent, price_version
from llmgateway.dataplane.admit.limits import Ticket
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.dataplane.lookup.cache import Look
from llmgateway.dataplane.observe.tracing import Trace
from llmgateway.dataplane.plan.targets import Plan, Target
from llmgateway.dataplane.watch.contents import may_be_kept
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
    """The account of one request, from the moment its key is known."""

    def __init__(
        self, instruments: Instruments, trace: Trace, request_id: str, key: KeySnapshot, way: tuple[str, str]
    ) -> None:
        """`way` is the operation and the dialect."""
        self._use = instruments
        self._trace = trace
        self._id = request_id
        self._key = key
        self._operation, self._dialect = way
        self._call: Call | None = None
        self._ticket: Ticket | None = None
        self._plan: Plan | None = None
        self._look: Look | None = None
        self._target: Target | None = None
        """The target asked last; the one that serves when the request succeeds."""
        self._running = False
        """The target asked last has not failed."""
        self._attempts: list[Attempt] = []
        self._expected = Usage()
        """The prompt as counted here, on the terms that are wished of the target asked last."""
        self._usage: Usage | None = None
        self._text = StringIO()
        """What was said; a list of pieces would take many times its room."""
        self._content = False
        self._finished = False
        """The answer of the target asked last has come to its end, though not yet to its figures."""
        self._started = instruments.clock.monotonic()
        self._at = id_time(request_id)
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
        """As counted here, before anybody was asked."""
        return self._expected.prompt_tokens

    @property
    def figures(self) -> Usage:
        """What a finished answer used: the provider's figures, or where it told none, those counted here."""
        return self._count(Outcome.FINISHED)[0]

    @property
    def severed(self) -> bool:
        """The caller asked the sandbox to break the connection off, and was let to."""
        return bool(self._attempts) and self._call is not None and self._call.wishes.severed

    @property
    def settled(self) -> bool:
        return self._event is not None

    @property
    def finished(self) -> bool:
        """Every choice has ended: nothing more is generated, and only what was used may still be told."""
        return self._finished

    @property
    def trace_headers(self) -> Mapping[str, str]:
        """What the target that is asked is told of the request's trace."""
        return self._trace.headers

    def counts(self, call: Call) -> int:
        """The call is known; gives the tokens of its prompt."""
        self._call = call
        self._expected = Usage(prompt_tokens=self._use.tokenizer.count_prompt(call.canon, call.model))
        return self.prompt_tokens

    async def admit(self, need: Need) -> None:
        """Reserve everything the call may use. Raises TooMany, PaymentRequired, Unavailable."""
        self._ticket = await self._use.limiter.admit(self._key, self._id, need)

    def counted(self) -> Answer:
        """The prompt's tokens as this gateway counts them, for targets that do not count."""
        return Answer(body={"input_tokens": self.prompt_tokens}, usage=None)

    def plans(self, plan: Plan) -> None:
        """The candidates are known."""
        self._plan = plan

    def opens(self, target: Target) -> None:
        """A target is about to be asked: from here on a crash is billed. Raises Unavailable when the disk is full."""
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
        cost, version = (0, None) if self._only_counts else self._price(target, asked)
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
                charge_nanos=self._charge(cost, target, self._key.org.tariff.marked_up),
                price_version=version,
                wished=None if wished == USUAL else asked.details(),
                credential=target.brought,
                test=self._key.test,
                tags=self._key.tags,
            )
        )

    def looks(self, look: Look) -> None:
        """The cache was asked; a hit is what this request gets."""
        self._look = look

    def attempted(self, attempt: Attempt) -> None:
        """An attempt is over, or its answer has begun."""
        self._attempts.append(attempt)
        self._running = attempt.outcome == "ok"
        if not self._running and not self._content:
            self._text = StringIO()  # what was overheard is nobody's now
        self._trace.attempted(attempt)

    def broke(self, error: ProviderError) -> None:
        """The last attempt's answer broke off: it was not `ok` after all, and its figures are nobody's."""
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
        """A step of an answer that is put together here: used, though the caller has nothing of it yet."""
        self._text.write(step.text)
        self._usage = step.usage or self._usage
        self._finished = self._finished or step.finish is not None

    def receives(self, answer: Answer) -> None:
        """A whole answer has come."""
        self._content = True
        self._usage = answer.usage
        self._text = StringIO()
        self._text.write(answer.text)

    def headers(self) -> list[tuple[str, str]]:
        """What the caller is told beside the answer."""
        lines = list(self._ticket.headers) if self._ticket else []
        lines.append(("x-llmgateway-cache", self._cache))
        hit = self._look.entry if self._look else None
        if hit is not None:
            lines += [("x-llmgateway-provider", hit.provider), ("x-llmgateway-model", hit.served_model)]
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
        """`x-llmgateway-cost-usd`, once settled."""
        cost = self._event.cost_nanos if self._event else None
        return ("x-llmgateway-cost-usd", "unpriced" if cost is None else usd(cost))

    @property
    def _only_counts(self) -> bool:
        """Tokens are counted for the caller: no model reads them, and no provider bills them.

        Pages: https://platform.claude.com/docs/en/build-with-claude/token-counting, https://ai.google.dev/gemini-api/docs/billing.
        """
        return self._operation == Operation.COUNT_TOKENS

    @property
    def _cache(self) -> str:
        return self._look.status if self._look else "bypass"

    async def settle(self, outcome: Outcome, status: int, problem: Problem | None = None) -> UsageEvent:
        """Write the event and settle the ticket; the second call only gives the event back."""
        if self._event is not None:
            return self._event
        event = self._event = self._make_event(outcome, status, problem)
        self._tell_speed(event)
        self._use.counting.running -= 1
        try:
            self._use.recorder.close(event)
        finally:
            try:
                if self._ticket is not None:
                    await self._use.limiter.end(self._ticket, event)
            finally:
                self._tell(event)
        return event

    def _tell(self, event: UsageEvent) -> None:
        """All who only look on hear of it when the money is safe: what fails there costs nobody anything."""
        self._tell_doubt(event)
        self._use.counting.ended(event)
        self._use.request_log.ended(event)
        if self._call is not None and may_be_kept(event, self._key, self._call):
            text = self._text.getvalue()
            self._use.contents.ended(event, self._key, self._call, text)
            self._trace.said(self._call, text)
        self._trace.settled(event)

    def _tell_speed(self, event: UsageEvent) -> None:
        """How fast the target was, counted from when it was asked; nothing when two targets gave one answer."""
        if event.outcome is not Outcome.FINISHED or not self._target or not self._plan or not self._plan.watched:
            return
        streamed = event.first_token_ms is not None
        if streamed and self._content_at < self._asked_at:
            return
        first = self._content_at - self._asked_at if streamed else None
        writing = self._use.clock.monotonic() - (self._content_at if streamed else self._asked_at)
        self._use.health.answered(self._target.path, first, event.completion_tokens, writing)

    def _make_event(self, outcome: Outcome, status: int, problem: Problem | None) -> UsageEvent:
        asked = self._target is not None
        # Sent upstream: input counts even when the caller left. A failure without content used nothing of the caller's.
        left = outcome is Outcome.ABANDONED and self._running
        used = asked and not self._only_counts and (outcome is Outcome.FINISHED or left or self._content)
        usage, source = self._count(outcome) if used else (Usage(), UsageSource.COUNTED)
        usage = self._target.located(usage) if used and self._target else usage
        cost, version = self._price(self._target, usage) if used and self._target else (0, None)
        hit = self._look.entry if self._look else None
        if hit is not None:
            usage, cost = hit.usage or self._count(outcome)[0], 0
        failed = outcome in (Outcome.FAILED, Outcome.REFUSED)
        served = self._target if self._attempts and self._attempts[-1].outcome == "ok" else None
        if served is None and (left or self._content):
            served = self._target
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
            provider=hit.provider if hit else served.host.id if served else None,
            served_model=hit.served_model if hit else served.model if served else None,
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
            usage_details=served.details(usage) if served and hit is None else usage.details(),
            cost_nanos=cost,
            charge_nanos=0
            if failed or hit is not None
            else self._charge(cost, self._target if used else None, self._key.org.tariff.charge),
            list_cost_nanos=hit.list_cost_nanos if hit else self._list_cost(usage, cost) if used else cost,
            price_version=version,
            usage_source=source,
            cache=self._cache,
            test=self._key.test,
            duration_ms=self._milliseconds(),
            first_token_ms=self._first_token_ms,
            attempts=self.attempts,
            plan=plan.steps if plan else (),
            tags=self._key.tags,
        )

    def _count(self, outcome: Outcome) -> tuple[Usage, UsageSource]:
        return reckon(self._usage, self._expected, self._seen, whole=self._finished or outcome is Outcome.FINISHED)

    def _seen(self) -> int:
        """Tokens of the answer's text, as counted here."""
        return self._use.tokenizer.count_text(self._text.getvalue(), self._target.model if self._target else "")

    def _tell_doubt(self, event: UsageEvent) -> None:
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

    def _list_cost(self, usage: Usage, cost: int | None) -> int | None:
        """What the asked-for model would have cost: the sum of such differences is what routing saved."""
        asked = self._plan.asked if self._plan else None
        if asked is None or (asked is self._target and asked.price is None):
            return cost
        region = usage.region if self._target and self._target.host.id == asked.host.id else None
        return self._price(asked, msgspec.structs.replace(usage, told_nanos=None, region=region))[0]

    def _price(self, target: Target | None, usage: Usage) -> tuple[int | None, str | None]:
        if target is None:
            return None, None
        usage = target.located(usage)
        priced = self._use.catalog.price(
            target.host.id, target.model, usage, self._at, override=target.price, tier=usage.tier
        )
        if priced is None:
            return None, None
        return priced.nanos, price_version(priced.version, priced.lacking)

    def _charge(self, cost: int | None, target: Target | None, priced: Callable[[int], int]) -> int | None:
        """None is unpriced. Nothing for organisations that pay nothing, for test keys, where no tariff applies."""
        org = self._key.org
        if not org.charged or self._key.test or target is None or not target.charged:
            return 0
        return None if cost is None else priced(cost)

    def _milliseconds(self) -> int:
        return round((self._use.clock.monotonic() - self._started) * 1000)

    def _known_call(self) -> Call:
        if self._call is None:
            raise RuntimeError("a target is asked only after the call was admitted")
        return self._call
