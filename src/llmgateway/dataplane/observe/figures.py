"""What Prometheus can ask of the data plane, declared in one place. No label names a tenant: their figures are in SQL."""

from collections.abc import Sequence
from typing import Final

from llmgateway.kit.metrics import Figure, MetricKind

_SERVED: Final = ("provider", "model")
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 600)
_SHORT_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)

REQUESTS: Final = Figure(
    name="llmgateway_requests_total",
    kind=MetricKind.COUNTER,
    help="Requests with a known key, by how they ended; those of test keys are apart.",
    labels=("operation", *_SERVED, "outcome"),
)
TEST_REQUESTS: Final = Figure(
    name="llmgateway_test_requests_total",
    kind=MetricKind.COUNTER,
    help="Requests of test keys; they are in no other figure.",
    labels=("outcome",),
)
REFUSALS: Final = Figure(
    name="llmgateway_refusals_total",
    kind=MetricKind.COUNTER,
    help="Requests that the gateway itself refused, by the code the caller was told.",
    labels=("code",),
)
FAILURES: Final = Figure(
    name="llmgateway_failures_total",
    kind=MetricKind.COUNTER,
    help="Requests that failed after their key was known, by the status and code the caller was told.",
    labels=("status", "code"),
)
ATTEMPTS: Final = Figure(
    name="llmgateway_attempts_total",
    kind=MetricKind.COUNTER,
    help="Attempts at providers, by what came of them: ok, or the kind of failure.",
    labels=("provider", "outcome"),
)
RESCUES: Final = Figure(
    name="llmgateway_rescues_total",
    kind=MetricKind.COUNTER,
    help="Requests that finished although at least one attempt had failed.",
)
UNRETRIED: Final = Figure(
    name="llmgateway_retries_refused_total",
    kind=MetricKind.COUNTER,
    help="Extra attempts at a target that were not made, because the organisation had used up its share of them.",
)
TOKENS: Final = Figure(
    name="llmgateway_tokens_total",
    kind=MetricKind.COUNTER,
    help="Tokens by class, each token in one: input, cached_input, cache_write, output, reasoning.",
    labels=(*_SERVED, "class"),
)
COST: Final = Figure(
    name="llmgateway_cost_usd_total",
    kind=MetricKind.COUNTER,
    help="US dollars that providers bill for what was served. For charts: invoices are made of whole nano-dollars in SQL.",
    labels=_SERVED,
)
UNPRICED: Final = Figure(
    name="llmgateway_unpriced_requests_total",
    kind=MetricKind.COUNTER,
    help="Requests served by a model whose price nobody states.",
    labels=_SERVED,
)
SAVED: Final = Figure(
    name="llmgateway_saved_usd_total",
    kind=MetricKind.COUNTER,
    help="US dollars that the asked-for models would have cost above what was paid: by a cache hit or by routing.",
    labels=("by",),
)
DURATION: Final = Figure(
    name="llmgateway_request_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Seconds from the known key to the last byte, of requests that were not answered from the cache.",
    labels=(*_SERVED, "outcome"),
    buckets=_SECONDS,
)
FIRST_TOKEN: Final = Figure(
    name="llmgateway_first_token_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Seconds from the known key to the first content of a stream.",
    labels=_SERVED,
    buckets=_SECONDS,
)
SPEED: Final = Figure(
    name="llmgateway_tokens_per_second",
    kind=MetricKind.HISTOGRAM,
    help="Output tokens per second of finished streams, from their first content on.",
    labels=_SERVED,
    buckets=(5, 10, 20, 30, 40, 60, 80, 120, 160, 240, 480, 1000),
)
OWN_TIME: Final = Figure(
    name="llmgateway_own_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Seconds that the gateway itself took from the known key until the first provider was asked.",
    buckets=_SHORT_SECONDS,
)
CACHE: Final = Figure(
    name="llmgateway_cache_lookups_total",
    kind=MetricKind.COUNTER,
    help="Requests by what the response cache had for them; bypass was not looked up.",
    labels=("result",),
)
ADMISSIONS: Final = Figure(
    name="llmgateway_admissions_total",
    kind=MetricKind.COUNTER,
    help="Requests admitted by Redis, or by this process alone while Redis was away. Without Redis nothing is counted here.",
    labels=("by",),
)
RUNNING: Final = Figure(
    name="llmgateway_requests_running",
    kind=MetricKind.GAUGE,
    help="Requests whose key is known and whose end has not come.",
)
CIRCUITS: Final = Figure(
    name="llmgateway_circuits",
    kind=MetricKind.GAUGE,
    help="Paths to a provider (credential, model) by the state of their circuit: closed, open, half_open.",
    labels=("provider", "state"),
)
JOURNAL_BACKLOG: Final = Figure(
    name="llmgateway_journal_backlog_bytes",
    kind=MetricKind.GAUGE,
    help="Bytes of usage that are not in the database yet, on disk or in memory.",
)
JOURNAL_LAG: Final = Figure(
    name="llmgateway_journal_lag_seconds",
    kind=MetricKind.GAUGE,
    help="Age of the moment up to which all usage is in the database; 0 when all of it is.",
    merge="livemax",
)
JOURNAL_HELD: Final = Figure(
    name="llmgateway_journal_held_records",
    kind=MetricKind.GAUGE,
    help="Usage records that only memory has, because the disk took none.",
)
JOURNAL_SIZE: Final = Figure(
    name="llmgateway_journal_size_bytes", kind=MetricKind.GAUGE, help="Bytes of the journal's files on disk."
)
JOURNAL_POISON: Final = Figure(
    name="llmgateway_journal_poison_records",
    kind=MetricKind.GAUGE,
    help="Usage records that lie in poison.jsonl: set aside by this process, or there when it began.",
)
JOURNAL_SHIPPED: Final = Figure(
    name="llmgateway_journal_shipped_events",
    kind=MetricKind.GAUGE,
    help="Usage events that the database took since the process began.",
)
DISK_FREE: Final = Figure(
    name="llmgateway_disk_free_bytes",
    kind=MetricKind.GAUGE,
    help="Free bytes where the data directory lies.",
    merge="livemin",
)
DISK_SIZE: Final = Figure(
    name="llmgateway_disk_size_bytes",
    kind=MetricKind.GAUGE,
    help="Size of the disk of the data directory.",
    merge="livemax",
)
STORE_UP: Final = Figure(
    name="llmgateway_store_up",
    kind=MetricKind.GAUGE,
    help="1 when the store (postgresql, redis) answered the last probe, else 0.",
    labels=("store",),
    merge="livemin",
)
STORE_LOSSES: Final = Figure(
    name="llmgateway_store_losses_total",
    kind=MetricKind.COUNTER,
    help="Times that a process found Redis without its counts, after a restart or a flush: windows of rates began anew, "
    "money and quotas were read from the database.",
)
STORE_SECONDS: Final = Figure(
    name="llmgateway_store_probe_seconds",
    kind=MetricKind.HISTOGRAM,
    help="Seconds of the probe that the store answered.",
    labels=("store",),
    buckets=_SHORT_SECONDS,
)
LOOP_LAG: Final = Figure(
    name="llmgateway_event_loop_lag_seconds",
    kind=MetricKind.HISTOGRAM,
    help="How much later than asked the event loop came back, sampled twice a second.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
READY: Final = Figure(
    name="llmgateway_ready", kind=MetricKind.GAUGE, help="1 when /readyz says 200, else 0.", merge="livemin"
)
PROCESSES: Final = Figure(name="llmgateway_processes", kind=MetricKind.GAUGE, help="Living processes behind this page.")
STARTED: Final = Figure(
    name="llmgateway_start_time_seconds",
    kind=MetricKind.GAUGE,
    help="Unix time at which the process began; of several, the youngest.",
    merge="livemax",
)
MEMORY: Final = Figure(
    name="llmgateway_resident_memory_bytes", kind=MetricKind.GAUGE, help="Resident memory of the processes."
)
CPU: Final = Figure(
    name="llmgateway_cpu_seconds_total", kind=MetricKind.COUNTER, help="CPU time of the processes, user and system."
)
OPEN_FILES: Final = Figure(
    name="llmgateway_open_files", kind=MetricKind.GAUGE, help="Open file descriptors, connections included."
)
BUILD: Final = Figure(
    name="llmgateway_build_info",
    kind=MetricKind.GAUGE,
    help="1, with the versions that run and that of the prices.",
    labels=("version", "python", "prices"),
    merge="livemax",
)

FIGURES: Final[Sequence[Figure]] = (
    *(REQUESTS, TEST_REQUESTS, REFUSALS, FAILURES, ATTEMPTS, RESCUES, UNRETRIED, RUNNING, ADMISSIONS),
    *(TOKENS, COST, UNPRICED, SAVED, CACHE),
    *(DURATION, FIRST_TOKEN, SPEED, OWN_TIME),
    *(CIRCUITS, READY, STORE_UP, STORE_LOSSES, STORE_SECONDS),
    *(JOURNAL_BACKLOG, JOURNAL_LAG, JOURNAL_HELD, JOURNAL_SIZE, JOURNAL_POISON, JOURNAL_SHIPPED, DISK_FREE, DISK_SIZE),
    *(LOOP_LAG, PROCESSES, STARTED, MEMORY, CPU, OPEN_FILES, BUILD),
)
