"""One trace a request, a span for each of its steps and attempts, by OpenTelemetry's conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ and gen-ai-metrics/. Names, counts and times; what was said only
where the operator and the organisation both want it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import urlsplit

from opentelemetry.metrics import Histogram
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from llmgateway.canon.call import Call, Operation
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.contract.usage import Attempt, Outcome, UsageEvent
from llmgateway.dataplane.conversation import conversation
from llmgateway.dataplane.plan.targets import Target
from llmgateway.errors import Problem, ProviderError
from llmgateway.kit.telemetry import Telemetry
from llmgateway.providers.telemetry_names import CONVENTIONAL_NAMES

_W3C: Final = TraceContextTextMapPropagator()
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_OPERATIONS: Final = MappingProxyType({Operation.COMPLETIONS: "text_completion", Operation.RERANK: "retrieval"})
"""Where the conventions have another word than we."""
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_COUNTS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)


class Trace(Protocol):
    """The trace of one request."""

    @property
    def id(self) -> str:
        """The trace's id for log lines; empty when there is none."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """What the provider that is asked is told of the trace."""
        ...

    def at(self, step: str) -> None:
        """The request comes to its next step."""
        ...

    def identified(self, key: KeySnapshot) -> None:
        """Whose request it is."""
        ...

    def asks(self, target: Target) -> None:
        """A target is about to be asked."""
        ...

    def attempted(self, attempt: Attempt) -> None:
        """The attempt failed, or its answer has begun."""
        ...

    def broke(self, error: ProviderError) -> None:
        """The answer of the last attempt broke off."""
        ...

    def said(self, call: Call, answer: str) -> None:
        """What was said, of a request whose organisation lets it be kept; before it is settled."""
        ...

    def settled(self, event: UsageEvent) -> None:
        """What came of it all."""
        ...

    def refused(self, problem: Problem) -> None:
        """The caller is told no."""
        ...

    def end(self) -> None:
        """The last byte is out."""
        ...


class NoTrace:
    """Of nobody's interest; one object serves all requests."""

    id = ""
    headers = _NOTHING

    def at(self, step: str) -> None: ...

    def identified(self, key: KeySnapshot) -> None: ...

    def asks(self, target: Target) -> None: ...

    def attempted(self, attempt: Attempt) -> None: ...

    def broke(self, error: ProviderError) -> None: ...

    def said(self, call: Call, answer: str) -> None: ...

    def settled(self, event: UsageEvent) -> None: ...

    def refused(self, problem: Problem) -> None: ...

    def end(self) -> None: ...


NO_TRACE: Final = NoTrace()


@dataclass(frozen=True, slots=True)
class _Measures:
    """The conventions' histograms."""

    duration: Histogram
    first_chunk: Histogram
    tokens: Histogram


class Tracing:
    """Begins traces; one for a process. Without telemetry it costs nothing."""

    def __init__(self, telemetry: Telemetry | None, *, contents: bool = False) -> None:
        """`contents`: the operator wants to have in spans what organisations let be kept."""
        self._telemetry = telemetry
        self._contents = contents
        self._measures = _measures(telemetry) if telemetry is not None else None

    def begin(self, operation: Operation, headers: Mapping[str, str], request_id: str) -> Trace:
        """The trace of a request: the caller's own one goes on where it sent a `traceparent`."""
        if self._telemetry is None or self._measures is None:
            return NO_TRACE
        return RequestTrace(self._telemetry, self._measures, (operation, headers, request_id), contents=self._contents)


class RequestTrace:
    """A trace that somebody collects."""

    def __init__(
        self,
        telemetry: Telemetry,
        measures: _Measures,
        request: tuple[Operation, Mapping[str, str], str],
        *,
        contents: bool,
    ) -> None:
        self._tracer = telemetry.tracer
        self._contents = contents
        self._measures = measures
        operation, headers, request_id = request
        self._word = _OPERATIONS.get(operation, operation.value)
        self._root = self._tracer.start_span(
            f"llmgateway {operation}",
            context=_W3C.extract(dict(headers)),
            kind=SpanKind.SERVER,
            attributes={"llmgateway.request.id": request_id, "gen_ai.operation.name": self._word},
        )
        self._step: Span | None = None
        self._attempt: Span | None = None
        self._asked: dict[str, str] = {}
        """The attributes of the last attempt that a measurement shares."""

    @property
    def id(self) -> str:
        return f"{self._root.get_span_context().trace_id:032x}"

    @property
    def headers(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        if self._attempt is not None:
            _W3C.inject(carrier, set_span_in_context(self._attempt))
        carrier.pop("tracestate", None)  # between the caller and its own systems
        return carrier

    def at(self, step: str) -> None:
        if self._step is not None:
            self._step.end()
        self._step = self._tracer.start_span(step, context=set_span_in_context(self._root))

    def identified(self, key: KeySnapshot) -> None:
        self._root.set_attributes({"llmgateway.org.id": key.org.id, "llmgateway.key.id": key.id})

    def asks(self, target: Target) -> None:
        self._end_attempt()
        where = urlsplit(target.host.base_url)
        self._asked = {
            "gen_ai.operation.name": self._word,
            "gen_ai.provider.name": CONVENTIONAL_NAMES.get(target.host.id, target.host.id),
            "gen_ai.request.model": target.model,
        }
        self._attempt = self._tracer.start_span(
            f"{self._word} {target.model}",
            context=set_span_in_context(self._step or self._root),
            kind=SpanKind.CLIENT,
            attributes={
                **self._asked,
                "server.address": where.hostname or "",
                "server.port": where.port or (80 if where.scheme == "http" else 443),
            },
        )

    def attempted(self, attempt: Attempt) -> None:
        if attempt.outcome != "ok":
            self._end_attempt(attempt.outcome)

    def broke(self, error: ProviderError) -> None:
        self._end_attempt(error.kind)

    def said(self, call: Call, answer: str) -> None:
        if self._contents and self._attempt is not None:
            self._attempt.set_attributes(conversation(call, answer))

    def settled(self, event: UsageEvent) -> None:
        if self._asked:
            self._measure(event)
        if self._attempt is not None:
            self._attempt.set_attributes(_use(event))
            self._end_attempt("" if event.outcome is not Outcome.FAILED else event.error_code or "failed")
        self._root.set_attributes(
            {
                "llmgateway.outcome": event.outcome.value,
                "llmgateway.cache": event.cache,
                "llmgateway.attempts": len(event.attempts),
                "http.response.status_code": event.status,
                **_models(event),
            }
        )
        if event.cost_nanos is not None:
            self._root.set_attribute("llmgateway.cost.nanos", event.cost_nanos)

    def refused(self, problem: Problem) -> None:
        self._root.set_attributes({"error.type": problem.code, "http.response.status_code": problem.http_status})
        if problem.http_status >= 500:  # conventions: what the caller did wrong is no error of the server
            self._root.set_status(Status(StatusCode.ERROR, problem.code))

    def end(self) -> None:
        self._end_attempt()
        if self._step is not None:
            self._step.end()
        self._root.end()

    def _end_attempt(self, error: str = "") -> None:
        if self._attempt is None:
            return
        if error:
            self._attempt.set_attribute("error.type", error)
            self._attempt.set_status(Status(StatusCode.ERROR, error))
        self._attempt.end()
        self._attempt = None

    def _measure(self, event: UsageEvent) -> None:
        failed = event.outcome is Outcome.FAILED
        error = {"error.type": event.error_code or "failed"} if failed else {}
        if failed or event.outcome is Outcome.FINISHED:
            self._measures.duration.record(event.duration_ms / 1000, {**self._asked, **error})
        if event.outcome is not Outcome.FINISHED:
            return
        if event.first_token_ms is not None:
            self._measures.first_chunk.record(event.first_token_ms / 1000, self._asked)
        for kind, count in (("input", event.prompt_tokens), ("output", event.completion_tokens)):
            self._measures.tokens.record(count, {**self._asked, "gen_ai.token.type": kind})


def _models(event: UsageEvent) -> dict[str, str]:
    """What was asked for and what answered, as far as there is one."""
    named = {"gen_ai.request.model": event.model, "gen_ai.response.model": event.served_model}
    return {name: model for name, model in named.items() if model}


def _use(event: UsageEvent) -> dict[str, str | int]:
    return {
        **({"gen_ai.response.model": event.served_model} if event.served_model else {}),
        "gen_ai.usage.input_tokens": event.prompt_tokens,
        "gen_ai.usage.output_tokens": event.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": event.cached_tokens,
        "gen_ai.usage.cache_creation.input_tokens": event.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": event.reasoning_tokens,
    }


def _measures(telemetry: Telemetry) -> _Measures:
    make = telemetry.meter.create_histogram
    return _Measures(
        duration=make(
            "gen_ai.client.operation.duration",
            unit="s",
            description="Of a request that was answered or failed.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        ),
        first_chunk=make(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Until the first content of a stream.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        ),
        tokens=make(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Of a finished request.",
            explicit_bucket_boundaries_advisory=_COUNTS,
        ),
    )
