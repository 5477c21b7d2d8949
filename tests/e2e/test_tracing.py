"""Traces and measurements of a running gateway, as a collector gets them over OTLP."""

import gzip
import itertools
import re
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.e2e.conftest import Stage
from tests.e2e.gateway import Gateway, run_gateway

pytestmark = pytest.mark.slow

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAID = "What nobody but the provider may read"
Attributes = dict[str, Any]


class _Collector(ThreadingHTTPServer):
    """Takes what is exported, as a collector does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans = list[Span]()
        self.measurements = dict[str, list[Attributes]]()
        self.resource: Attributes = {}

    def trace(self, trace_id: str, ended: int) -> list[Span]:
        """The spans of a trace, as soon as there are so many."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = [span for span in list(self.spans) if span.trace_id.hex() == trace_id]
            if len(found) >= ended:
                return found
            time.sleep(0.1)
        raise AssertionError(f"only {[span.name for span in self.spans]}")


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, _Collector)
        if self.path == "/v1/traces":
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.server.resource = _attributes(group.resource)
                for scope in group.scope_spans:
                    self.server.spans += scope.spans
        elif self.path == "/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        points = [_attributes(point) for point in metric.histogram.data_points]
                        self.server.measurements[metric.name] = points
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Say nothing."""


def _attributes(thing: Any) -> Attributes:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in thing.attributes}


@contextmanager
def _collector() -> Generator[_Collector]:
    with _Collector() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Scene:
    """A traced gateway and its collector."""

    gateway: Gateway
    collector: _Collector

    def ask(self, model: str, trace: str, *, stream: bool = False) -> httpx2.Response:
        return _ask(self.gateway, model, trace, stream=stream)


def _ask(gateway: Gateway, model: str, trace: str, *, stream: bool = False) -> httpx2.Response:
    return httpx2.post(
        f"{gateway.url}/v1/chat/completions",
        json={"model": model, "stream": stream, "messages": [{"role": "user", "content": SAID}]},
        headers={
            "authorization": f"Bearer {gateway.key}",
            "traceparent": f"00-{trace}-{PARENT}-01",
            "tracestate": "vendor=private",
        },
        timeout=20,
    )


@pytest.fixture(scope="module")
def scene(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    url = stage.provider.url
    config = f"""
providers:
  openai: {{api_key: sk-up, base_url: {url}/v1}}
  anthropic: {{api_key: sk-up, base_url: {url}}}
models:
  two:
    targets: [{{provider: openai, model: status-503}}, {{provider: anthropic, model: echo}}]
    retries: 0
"""
    with (
        _collector() as collector,
        run_gateway(
            tmp_path_factory.mktemp("traced"),
            config,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
            OTEL_BSP_SCHEDULE_DELAY="100",
            OTEL_METRIC_EXPORT_INTERVAL="300",
            OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true",
        ) as gateway,
    ):
        yield Scene(gateway, collector)


def test_a_request_is_one_trace_with_a_span_for_each_step_and_attempt(stage: Stage, scene: Scene) -> None:
    answer = scene.ask("two", TRACE)
    assert answer.status_code == 200
    spans = {span.name: span for span in scene.collector.trace(TRACE, 9)}
    steps = ("identify", "admit", "lookup", "plan", "dispatch", "watch")
    assert set(spans) == {"llmgateway chat", *steps, "chat status-503", "chat echo"}

    root = spans["llmgateway chat"]
    assert root.parent_span_id.hex() == PARENT
    assert root.kind == Span.SPAN_KIND_SERVER
    assert {spans[name].parent_span_id for name in steps} == {root.span_id}
    told = _attributes(root)
    assert told["llmgateway.request.id"] == answer.headers["x-request-id"]
    assert told["llmgateway.key.id"].startswith("key_")
    assert told["llmgateway.org.id"].startswith("org_")
    assert (told["llmgateway.outcome"], told["llmgateway.attempts"]) == ("finished", 2)
    assert told["http.response.status_code"] == 200

    failed, served = spans["chat status-503"], spans["chat echo"]
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert _attributes(failed)["error.type"] == "overloaded"
    assert failed.parent_span_id == spans["dispatch"].span_id
    use = _attributes(served)
    assert served.kind == Span.SPAN_KIND_CLIENT
    assert (use["gen_ai.operation.name"], use["gen_ai.provider.name"]) == ("chat", "anthropic")
    assert use["gen_ai.request.model"] == "echo"
    assert use["server.address"] == "127.0.0.1"
    assert use["gen_ai.usage.input_tokens"] > 0
    assert use["gen_ai.usage.output_tokens"] > 0
    assert stage.provider.headers[-1]["traceparent"] == f"00-{TRACE}-{served.span_id.hex()}-01"
    assert "tracestate" not in stage.provider.headers[-1]


def test_the_attempt_of_a_stream_lasts_as_long_as_the_stream(scene: Scene) -> None:
    trace = "a" * 32
    assert scene.ask("openai/echo", trace, stream=True).status_code == 200
    spans = {span.name: span for span in scene.collector.trace(trace, 8)}
    assert spans["chat echo"].end_time_unix_nano > spans["dispatch"].end_time_unix_nano


def test_a_refusal_is_no_error_of_the_server(scene: Scene) -> None:
    trace = "b" * 32
    assert scene.ask("nobody/knows", trace).status_code == 404
    root = next(span for span in scene.collector.trace(trace, 5) if span.name == "llmgateway chat")
    assert root.status.code == Status.STATUS_CODE_UNSET
    told = _attributes(root)
    assert told["error.type"] == "model_not_found"
    assert told["gen_ai.request.model"] == "nobody/knows"
    assert "gen_ai.response.model" not in told  # nobody answered


def test_how_long_a_failure_took_is_measured_with_its_kind(scene: Scene) -> None:
    assert scene.ask("openai/status-503", "e" * 32).status_code == 503
    kinds = set[str]()
    deadline = time.monotonic() + 20
    while not kinds and time.monotonic() < deadline:
        time.sleep(0.1)
        points = list(scene.collector.measurements.get("gen_ai.client.operation.duration", []))
        kinds = {point["error.type"] for point in points if "error.type" in point}
    assert kinds == {"upstream_failed"}


def test_measurements_have_the_names_of_the_conventions(scene: Scene) -> None:
    assert scene.ask("openai/echo", "c" * 32, stream=True).status_code == 200
    told = set[tuple[str, str]]()
    deadline = time.monotonic() + 20
    while len(told) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        points = list(scene.collector.measurements.get("gen_ai.client.token.usage", []))
        ours = [point for point in points if point["gen_ai.provider.name"] == "openai"]
        told = {(point["gen_ai.token.type"], point["gen_ai.request.model"]) for point in ours}
    assert told == {("input", "echo"), ("output", "echo")}
    assert {"gen_ai.client.operation.duration", "gen_ai.client.operation.time_to_first_chunk"} <= set(
        scene.collector.measurements
    )


def test_nothing_that_was_said_leaves_by_a_trace(scene: Scene) -> None:
    """Also where the operator would have it: the organisation did not allow it."""
    trace = "d" * 32
    assert scene.ask("openai/echo", trace).status_code == 200
    told = b"".join(span.SerializeToString() for span in scene.collector.trace(trace, 8))
    assert SAID.encode() not in told
    assert b"Hello from upstream" not in told
    assert scene.gateway.key.encode() not in told
    assert scene.collector.resource["service.name"] == "llmgateway"


def test_what_an_organisation_lets_be_kept_is_in_the_span_of_the_attempt(scene: Scene) -> None:
    password = re.search(r"Password\s+(\S+)", scene.gateway.greeting)
    assert password is not None
    with httpx2.Client(base_url=f"{scene.gateway.url}/api/v1", timeout=20) as owner:
        login = {"email": "owner@localhost", "password": password[1]}
        owner.headers["authorization"] = f"Bearer {owner.post('/auth/login', json=login).json()['access_token']}"
        owner.patch("/orgs/default/policy", json={"content_logging": "all"}).raise_for_status()
        told, root = _spans_of(scene, f"{1:032x}")
        deadline, numbers = time.monotonic() + 20, itertools.count(2)
        while "gen_ai.input.messages" not in told:  # the policy takes some milliseconds to reach the key
            assert time.monotonic() < deadline, told
            told, root = _spans_of(scene, f"{next(numbers):032x}")
        owner.patch("/orgs/default/policy", json={"content_logging": "off"}).raise_for_status()
    assert SAID in told["gen_ai.input.messages"]
    assert "Hello from upstream" in told["gen_ai.output.messages"]
    assert "gen_ai.input.messages" not in root


def _spans_of(scene: Scene, trace: str) -> tuple[Attributes, Attributes]:
    """What the attempt and the whole of a streamed request are told to be."""
    assert scene.ask("openai/echo", trace, stream=True).status_code == 200
    spans = {span.name: span for span in scene.collector.trace(trace, 8)}
    return _attributes(spans["chat echo"]), _attributes(spans["llmgateway chat"])


def test_without_a_collector_requests_go_on(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    config = f"providers:\n  openai: {{api_key: sk-up, base_url: {stage.provider.url}/v1}}"
    folder = tmp_path_factory.mktemp("untold")
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with run_gateway(folder, config, **nowhere) as gateway:
        assert _ask(gateway, "openai/echo", "e" * 32).status_code == 200
    assert gateway.process.returncode == 0
