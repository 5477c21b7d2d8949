"""OpenTelemetry's SDK for one process: spans and measurements go to a collector over OTLP's HTTP, in the background.

Where to and how, the standard OTEL_ variables say, which the SDK reads itself.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What spans and measurements are made with."""

    tracer: Tracer
    meter: Meter


@asynccontextmanager
async def open_telemetry(service: str, version: str) -> AsyncGenerator[Telemetry]:
    """Open both ways; at the end what is left is sent, for as long as the SDK's time-outs allow.

    OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over `service`.
    """
    resource = Resource.create({"service.version": version})
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": service}))
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    measurements = MeterProvider(metric_readers=[reader], resource=resource, shutdown_on_exit=False)
    try:
        yield Telemetry(traces.get_tracer(service, version), measurements.get_meter(service, version))
    finally:
        # Both wait for the collector, which may be slow or gone.
        await asyncio.gather(asyncio.to_thread(traces.shutdown), asyncio.to_thread(measurements.shutdown))
