"""What Prometheus can ask of the control plane, declared in one place. No label names a tenant."""

from collections.abc import Sequence
from typing import Final

from llmgateway.kit.metrics import Figure, MetricKind

API_REQUESTS: Final = Figure(
    name="llmgateway_api_requests_total",
    kind=MetricKind.COUNTER,
    help="Requests of people and their programs, by status and by route (below /api/v1; none for unknown ones).",
    labels=("method", "route", "status"),
)
API_SECONDS: Final = Figure(
    name="llmgateway_api_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Seconds until the control plane began to answer.",
    labels=("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
OUTBOX_WAITING: Final = Figure(
    name="llmgateway_outbox_waiting", kind=MetricKind.GAUGE, help="Mails that wait to be delivered.", merge="livemax"
)
OUTBOX_AGE: Final = Figure(
    name="llmgateway_outbox_oldest_seconds",
    kind=MetricKind.GAUGE,
    help="Age of the oldest mail that waits; 0 when none does.",
    merge="livemax",
)
WEBHOOKS_WAITING: Final = Figure(
    name="llmgateway_webhooks_waiting",
    kind=MetricKind.GAUGE,
    help="Webhooks of Stripe that came in and were not followed yet.",
    merge="livemax",
)
WEBHOOKS_AGE: Final = Figure(
    name="llmgateway_webhooks_oldest_seconds",
    kind=MetricKind.GAUGE,
    help="Age of the oldest webhook that waits; 0 when none does.",
    merge="livemax",
)
METER_AGE: Final = Figure(
    name="llmgateway_meter_reports_oldest_seconds",
    kind=MetricKind.GAUGE,
    help="Age of the oldest usage that Stripe was to be told of and was not yet; 0 when there is none.",
    merge="livemax",
)
UNSUMMED_AGE: Final = Figure(
    name="llmgateway_usage_unsummed_seconds",
    kind=MetricKind.GAUGE,
    help="How long the oldest usage in the database has waited for a worker to sum it up; 0 when none does.",
    merge="livemax",
)
LEDGER_FAULTS: Final = Figure(
    name="llmgateway_ledger_faults",
    kind=MetricKind.GAUGE,
    help="What the last check of the books found: accounts that do not balance, wrong closings, hours that differ.",
    merge="livemax",
)
LEDGER_CHECKED: Final = Figure(
    name="llmgateway_ledger_checked_time_seconds",
    kind=MetricKind.GAUGE,
    help="Unix time of the last check of the books.",
    merge="livemax",
)

FIGURES: Final[Sequence[Figure]] = (
    *(
        API_REQUESTS,
        API_SECONDS,
        OUTBOX_WAITING,
        OUTBOX_AGE,
        WEBHOOKS_WAITING,
        WEBHOOKS_AGE,
        METER_AGE,
        UNSUMMED_AGE,
        LEDGER_FAULTS,
        LEDGER_CHECKED,
    ),
)
