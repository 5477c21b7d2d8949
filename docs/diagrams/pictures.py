"""What is drawn: the processes of an installation, the journey of a request."""

import itertools
from collections.abc import Mapping
from typing import Final

from docs.diagrams.drawing import Arrow, Box, Drawing

TOPOLOGY: Final = Drawing(
    "The processes of an installation, and who talks to whom",
    860,
    420,
    {
        "apps": Box(20, 30, 150, 54, ("Applications", "any SDK"), "outside"),
        "people": Box(20, 180, 150, 54, ("People", "a browser"), "outside"),
        "proxy": Box(220, 90, 130, 84, ("Proxy", "TLS, /readyz", "Caddy, nginx, ALB"), "outside"),
        "data-1": Box(410, 20, 170, 54, ("data-1", "serve --role data")),
        "data-2": Box(410, 95, 170, 54, ("data-2", "serve --role data")),
        "control": Box(410, 180, 170, 54, ("control", "serve --role control")),
        "worker": Box(410, 265, 170, 54, ("worker", "jobs")),
        "providers": Box(670, 20, 170, 54, ("Providers", "OpenAI, Anthropic, ..."), "outside"),
        "valkey": Box(670, 105, 170, 78, ("Redis or Valkey", "limits, budgets:", "one call a request"), "store"),
        "postgresql": Box(670, 220, 170, 78, ("PostgreSQL", "organisations, keys,", "usage, ledger"), "store"),
        "stripe": Box(670, 340, 170, 54, ("Stripe, mail", "where connected"), "outside"),
        "prometheus": Box(200, 300, 150, 78, ("Prometheus", "asks data and control;", "alerts, Grafana"), "watch"),
    },
    (
        Arrow("apps", "proxy"),
        Arrow("people", "proxy"),
        Arrow("proxy", "data-1", "/v1"),
        Arrow("proxy", "data-2", "/v1"),
        Arrow("proxy", "control", "the rest"),
        Arrow("data-1", "providers"),
        Arrow("data-2", "providers"),
        Arrow("data-1", "valkey"),
        Arrow("data-2", "valkey"),
        Arrow("data-2", "postgresql", "usage, batched", dashed=True),
        Arrow("control", "postgresql"),
        Arrow("worker", "postgresql"),
        Arrow("worker", "stripe"),
        Arrow("prometheus", "control", "/metrics", dashed=True),
    ),
)

_STEPS: Final = (
    ("identify", "whose key is it", "memory"),
    ("admit", "limits, money", "one call"),
    ("lookup", "asked before?", "memory"),
    ("plan", "who, in order", "pure"),
    ("dispatch", "ask, else the next", "the provider"),
    ("watch", "count, price, settle", "one record"),
)

JOURNEY: Final = Drawing(
    "The journey of a request: six steps, and what each of them touches",
    900,
    270,
    {
        **{
            name: Box(20 + 147 * place, 30, 122, 72, (name, what, touches))
            for place, (name, what, touches) in enumerate(_STEPS)
        },
        "snapshots": Box(20, 180, 122, 60, ("PostgreSQL", "a key's first use"), "store"),
        "store": Box(167, 180, 122, 60, ("Redis", "or this process"), "store"),
        "provider": Box(608, 180, 122, 60, ("Provider", "the next, if it fails"), "outside"),
        "journal": Box(755, 180, 122, 60, ("Journal", "then PostgreSQL"), "store"),
    },
    (
        *(Arrow(begin[0], end[0]) for begin, end in itertools.pairwise(_STEPS)),
        Arrow("identify", "snapshots", dashed=True),
        Arrow("admit", "store"),
        Arrow("dispatch", "provider"),
        Arrow("watch", "journal"),
    ),
)

PICTURES: Final[Mapping[str, Drawing]] = {
    "docs/diagrams/topology.svg": TOPOLOGY,
    "docs/diagrams/journey.svg": JOURNEY,
}
"""File -> what is in it."""
