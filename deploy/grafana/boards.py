"""The dashboards, as data: `make docs` writes them as the JSON that Grafana provisions."""

from typing import Final

from deploy.grafana.panels import Board, Panel

_RATE: Final = "[$__rate_interval]"


def _rate(figure: str, by: str = "", where: str = "") -> str:
    labels = f" by ({by}) " if by else ""
    return f"sum{labels}(rate({figure}{{{where}}}{_RATE}))" if where else f"sum{labels}(rate({figure}{_RATE}))"


def _quantile(share: float, figure: str, by: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le{', ' + by if by else ''}) (rate({figure}_bucket{_RATE})))"


SERVICE: Final = Board(
    uid="llmgateway-service",
    title="llmgateway: service",
    panels=(
        Panel(
            title="Requests",
            queries={_rate("llmgateway_requests_total"): "requests"},
            unit="reqps",
            kind="stat",
            width=4,
        ),
        Panel(title="Running now", queries={"sum(llmgateway_requests_running)": "running"}, kind="stat", width=4),
        Panel(
            title="Bad, last 5 min",
            queries={"slo:availability:bad_ratio_5m": "bad"},
            unit="percentunit",
            kind="stat",
            width=4,
        ),
        Panel(title="Ready", queries={"sum(llmgateway_ready)": "ready"}, kind="stat", width=4),
        Panel(
            title="Cache hits",
            queries={
                'sum(rate(llmgateway_cache_lookups_total{result="hit"}[$__rate_interval])) '
                '/ sum(rate(llmgateway_cache_lookups_total{result=~"hit|miss"}[$__rate_interval]))': "hits"
            },
            unit="percentunit",
            kind="stat",
            width=4,
        ),
        Panel(
            title="Versions", queries={"sum by (version) (llmgateway_build_info)": "{{version}}"}, kind="stat", width=4
        ),
        Panel(
            title="Requests by outcome",
            queries={_rate("llmgateway_requests_total", "outcome"): "{{outcome}}"},
            unit="reqps",
        ),
        Panel(
            title="Requests by what was asked",
            queries={_rate("llmgateway_requests_total", "operation"): "{{operation}}"},
            unit="reqps",
        ),
        Panel(
            title="Whole request",
            queries={
                _quantile(0.5, "llmgateway_request_seconds"): "p50",
                _quantile(0.95, "llmgateway_request_seconds"): "p95",
                _quantile(0.99, "llmgateway_request_seconds"): "p99",
            },
            unit="s",
            text="From the known key to the last byte, the provider's time included.",
        ),
        Panel(
            title="First token of a stream",
            queries={
                _quantile(0.5, "llmgateway_first_token_seconds"): "p50",
                _quantile(0.95, "llmgateway_first_token_seconds"): "p95",
                _quantile(0.99, "llmgateway_first_token_seconds"): "p99",
            },
            unit="s",
        ),
        Panel(
            title="The gateway's own time",
            queries={
                _quantile(0.5, "llmgateway_own_seconds"): "p50",
                _quantile(0.99, "llmgateway_own_seconds"): "p99",
            },
            unit="s",
            text="From the known key until the first provider is asked: what the gateway itself adds.",
        ),
        Panel(
            title="Refused by the gateway, by reason",
            queries={_rate("llmgateway_refusals_total", "code"): "{{code}}"},
            unit="reqps",
        ),
        Panel(
            title="Failed, by what the caller was told",
            queries={_rate("llmgateway_failures_total", "status, code"): "{{status}} {{code}}"},
            unit="reqps",
        ),
        Panel(
            title="Saved by trying on",
            queries={_rate("llmgateway_rescues_total"): "rescued"},
            unit="reqps",
            text="Requests that finished although an attempt had failed.",
        ),
    ),
)

PROVIDERS: Final = Board(
    uid="llmgateway-providers",
    title="llmgateway: providers",
    panels=(
        Panel(
            title="Attempts by provider",
            queries={_rate("llmgateway_attempts_total", "provider"): "{{provider}}"},
            unit="reqps",
        ),
        Panel(
            title="Failed attempts",
            queries={
                _rate("llmgateway_attempts_total", "provider, outcome", 'outcome!="ok"'): "{{provider}} {{outcome}}"
            },
            unit="reqps",
        ),
        Panel(
            title="Share of attempts that fail",
            queries={
                'sum by (provider) (rate(llmgateway_attempts_total{outcome!="ok"}[$__rate_interval])) '
                "/ sum by (provider) (rate(llmgateway_attempts_total[$__rate_interval]))": "{{provider}}"
            },
            unit="percentunit",
        ),
        Panel(
            title="Circuits that are not closed",
            queries={'sum by (provider, state) (llmgateway_circuits{state!="closed"})': "{{provider}} {{state}}"},
        ),
        Panel(
            title="First token, p95",
            queries={_quantile(0.95, "llmgateway_first_token_seconds", "provider, model"): "{{provider}}/{{model}}"},
            unit="s",
        ),
        Panel(
            title="Output speed, median",
            queries={_quantile(0.5, "llmgateway_tokens_per_second", "provider, model"): "{{provider}}/{{model}}"},
            unit="tokens/s",
        ),
        Panel(
            title="Whole request, p95",
            queries={_quantile(0.95, "llmgateway_request_seconds", "provider, model"): "{{provider}}/{{model}}"},
            unit="s",
        ),
        Panel(
            title="Requests by model",
            queries={
                _rate("llmgateway_requests_total", "provider, model", 'provider!="none"'): "{{provider}}/{{model}}"
            },
            unit="reqps",
        ),
    ),
)

MONEY: Final = Board(
    uid="llmgateway-money",
    title="llmgateway: money",
    panels=(
        Panel(
            title="Cost a day at this rate",
            queries={"86400 * sum(rate(llmgateway_cost_usd_total[1h]))": "cost"},
            unit="currencyUSD",
            kind="stat",
            width=6,
        ),
        Panel(
            title="Saved by the cache, 24 h",
            queries={'sum(increase(llmgateway_saved_usd_total{by="cache"}[24h]))': "cache"},
            unit="currencyUSD",
            kind="stat",
            width=6,
        ),
        Panel(
            title="Saved by routing, 24 h",
            queries={'sum(increase(llmgateway_saved_usd_total{by="routing"}[24h]))': "routing"},
            unit="currencyUSD",
            kind="stat",
            width=6,
        ),
        Panel(
            title="Usage waiting for the database",
            queries={"sum(llmgateway_journal_backlog_bytes)": "bytes"},
            unit="bytes",
            kind="stat",
            width=6,
        ),
        Panel(
            title="Cost by model, an hour",
            queries={
                "3600 * sum by (provider, model) (rate(llmgateway_cost_usd_total[$__rate_interval]))": "{{provider}}/{{model}}"
            },
            unit="currencyUSD",
        ),
        Panel(
            title="Tokens by class", queries={_rate("llmgateway_tokens_total", "class"): "{{class}}"}, unit="tokens/s"
        ),
        Panel(
            title="Tokens by model",
            queries={_rate("llmgateway_tokens_total", "provider, model"): "{{provider}}/{{model}}"},
            unit="tokens/s",
        ),
        Panel(
            title="Served without a price",
            queries={_rate("llmgateway_unpriced_requests_total", "provider, model"): "{{provider}}/{{model}}"},
            unit="reqps",
        ),
        Panel(
            title="Age of what is not in the database yet",
            queries={"max by (instance) (llmgateway_journal_lag_seconds)": "{{instance}}"},
            unit="s",
        ),
        Panel(
            title="Records in memory only, and set aside",
            queries={
                "sum by (instance) (llmgateway_journal_held_records)": "{{instance}} in memory",
                "sum by (instance) (llmgateway_journal_poison_records)": "{{instance}} set aside",
            },
        ),
    ),
)

CONTROL: Final = Board(
    uid="llmgateway-control",
    title="llmgateway: control plane",
    panels=(
        Panel(title="Mails that wait", queries={"max(llmgateway_outbox_waiting)": "mails"}, kind="stat", width=6),
        Panel(
            title="Webhooks that wait", queries={"max(llmgateway_webhooks_waiting)": "webhooks"}, kind="stat", width=6
        ),
        Panel(title="Faults in the books", queries={"max(llmgateway_ledger_faults)": "faults"}, kind="stat", width=6),
        Panel(
            title="Since the books were checked",
            queries={"time() - max(llmgateway_ledger_checked_time_seconds)": "age"},
            unit="s",
            kind="stat",
            width=6,
        ),
        Panel(
            title="Requests of people by route",
            queries={_rate("llmgateway_api_requests_total", "route"): "{{route}}"},
            unit="reqps",
        ),
        Panel(
            title="Their answers by status",
            queries={_rate("llmgateway_api_requests_total", "status"): "{{status}}"},
            unit="reqps",
        ),
        Panel(
            title="Time to answer, p95",
            queries={_quantile(0.95, "llmgateway_api_seconds", "route"): "{{route}}"},
            unit="s",
        ),
        Panel(
            title="What waits for a worker, or for Stripe",
            queries={
                "max(llmgateway_usage_unsummed_seconds)": "usage to sum up",
                "max(llmgateway_outbox_oldest_seconds)": "mail",
                "max(llmgateway_webhooks_oldest_seconds)": "webhooks",
                "max(llmgateway_meter_reports_oldest_seconds)": "usage to report",
            },
            unit="s",
        ),
    ),
)

INFRASTRUCTURE: Final = Board(
    uid="llmgateway-infrastructure",
    title="llmgateway: infrastructure",
    panels=(
        Panel(
            title="Stores that answer",
            queries={"min by (store) (llmgateway_store_up)": "{{store}}"},
            kind="stat",
            width=8,
        ),
        Panel(title="Processes", queries={"sum(llmgateway_processes)": "processes"}, kind="stat", width=8),
        Panel(
            title="Smallest free share of a disk",
            queries={"min(llmgateway_disk_free_bytes / llmgateway_disk_size_bytes)": "free"},
            unit="percentunit",
            kind="stat",
            width=8,
        ),
        Panel(
            title="Probe of the stores, p90",
            queries={_quantile(0.9, "llmgateway_store_probe_seconds", "store"): "{{store}}"},
            unit="s",
        ),
        Panel(
            title="Event loop comes back late, p99",
            queries={_quantile(0.99, "llmgateway_event_loop_lag_seconds", "instance"): "{{instance}}"},
            unit="s",
        ),
        Panel(
            title="Requests admitted without Redis",
            queries={_rate("llmgateway_admissions_total", where='by="process"'): "by processes alone"},
            unit="reqps",
        ),
        Panel(
            title="CPU", queries={_rate("llmgateway_cpu_seconds_total", "instance"): "{{instance}}"}, unit="percentunit"
        ),
        Panel(
            title="Memory",
            queries={"sum by (instance) (llmgateway_resident_memory_bytes)": "{{instance}}"},
            unit="bytes",
        ),
        Panel(
            title="Open files and connections", queries={"sum by (instance) (llmgateway_open_files)": "{{instance}}"}
        ),
        Panel(
            title="Journal on disk",
            queries={"sum by (instance) (llmgateway_journal_size_bytes)": "{{instance}}"},
            unit="bytes",
        ),
        Panel(
            title="Usage shipped",
            queries={"sum by (instance) (deriv(llmgateway_journal_shipped_events[5m]))": "{{instance}}"},
            unit="ops",
        ),
        Panel(
            title="Time since the start", queries={"time() - llmgateway_start_time_seconds": "{{instance}}"}, unit="s"
        ),
    ),
)

SLO: Final = Board(
    uid="llmgateway-slo",
    title="llmgateway: service levels",
    panels=(
        Panel(
            title="Answered, 3 days (goal 99.9 %)",
            queries={"1 - slo:availability:bad_ratio_3d": "answered"},
            unit="percentunit",
            kind="stat",
            width=12,
        ),
        Panel(
            title="Streams that begin within 10 s, 3 days (goal 99 %)",
            queries={"1 - slo:first_token:bad_ratio_3d": "in time"},
            unit="percentunit",
            kind="stat",
            width=12,
        ),
        Panel(
            title="Budget burnt: availability",
            queries={f"slo:availability:bad_ratio_{window} / 0.001": window for window in ("5m", "1h", "6h")},
            text="1 is the pace that uses up the month's budget in a month; 14.4 uses it up in two days and pages.",
        ),
        Panel(
            title="Budget burnt: first token",
            queries={f"slo:first_token:bad_ratio_{window} / 0.01": window for window in ("5m", "1h", "6h")},
        ),
        Panel(
            title="Alerts that are raised",
            queries={'sum by (alertname, severity) (ALERTS{alertstate="firing"}) or vector(0)': "{{alertname}}"},
            width=24,
        ),
    ),
)

BOARDS: Final = (SERVICE, PROVIDERS, MONEY, CONTROL, INFRASTRUCTURE, SLO)
