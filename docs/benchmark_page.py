"""docs/benchmarks.md: what `make bench` and its siblings measured last (bench/results), with all that is needed to repeat it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.report import RESULTS
from docs.tables import NOTICE, table

Json = Mapping[str, Any]

PARTS: Final[Mapping[str, str]] = {
    "answers": """\
## Whole answers, embedded

The installation of `make run`: one process and the private PostgreSQL that it starts, on one core. A prompt of 200 bytes, an answer
of 400. The client (wrk) and the upstream (nginx with a canned answer) have the other core. *Added latency* is the gateway's
percentile less nginx's own at the same number of connections; the *bare relay* (bench/relay.py) is the same server and client
libraries and nothing else.
""",
    "redis": """\
## Whole answers, limits in Valkey

The same with every count in a Valkey server, two script calls a request; it and PostgreSQL have the other core. Here and below Valkey gets 500 ms to answer
(`LLMGATEWAY_REDIS_DEADLINE_MS`; 50 by default): on cores that client, upstream and stores fill, late is not down.
""",
    "streams": """\
## Streams

The upstream writes a chunk every 20 ms to each open stream, in a packet of its own, the dearest case. *CPU per chunk* is the CPU time
of the gateway's process over the chunks that were written meanwhile; the relay's figure is the price of waking up for them. Streams
are added until the core is 95 % full, or chunks come 100 ms after each other (the 99th percentile of one stream more; 20 ms are due), or
the upstream, which has one core too, can write no more.
""",
    "workers": """\
## Two processes

`serve --workers 2` on a PostgreSQL and a Valkey, beside one process on the same. Gateways, stores, client and upstream share all
cores here, so this says what one machine carries in all, not what a core more would add.
""",
    "growth": """\
## Ten organisations, or a hundred thousand

So many organisations, each with a key and a route of its own, on one core. The load takes up to 1,000 of the keys in turn and asks for
the organisation's own alias. The first use of a key is one SELECT; what it costs must not depend on how many there are.
""",
    "topology": """\
## A steady load on the local topology

What `make topology` starts: two data processes, one for people, one for jobs, PostgreSQL and Valkey, behind nginx. So many requests a
second are *due*, and each is timed from then, so that a stall cannot hide. The provider, the callers and all stores run on the same
cores. *Added latency* is less the provider's own at the same rate. Every answer must be one event in PostgreSQL. The rate is the highest
that two cores held: in runs of a minute on the same machine 700 requests/s added 64 ms at p99, 800 added 239 ms, 900 added 2.5 s and
lost 0.07 %, and at 1,000 answers came 11 s late and 3.7 % not at all.
""",
    "peers": """\
## Beside LiteLLM and Portkey

LiteLLM's proxy (PyPI) and Portkey's gateway (npm), installed by the command in environments of their own, each on the core that ours
gets, with the same client and the same upstream, as they come: one process, their own defaults, no database. Ours has authentication,
every kind of limit, metering, prices, metrics and the journal on, and its PostgreSQL on the same core.
""",
}
"""Name of a part -> what is done in it."""

_HEAD: Final = """\
Figures of one machine, measured by the commands beside them; on yours they will differ, and the ratios less so. Run a command, then
`make docs`, and this page shows what you measured. A budget is what we want to keep; one that is missed says so.
"""
_LIMITS: Final = """\
## What these figures do not say

- One small machine, loopback instead of a network, a provider that answers at once. A real provider takes seconds; what a gateway adds
  is then noise, and what counts is how many answers can be open at once.
- wrk sends the next request when the last is answered, so its percentiles hide stalls; the steady load does not.
- Two cores carry the client and the upstream too. On a machine with more, the gateway's core is disturbed less.
- Where a line says that the machine was busy, other work ran beside: rates are too low and latencies too high, and only
  the figures of CPU time and the ratios within one table mean something.
- Peers are measured with their defaults, not tuned; they have more features than were asked of them here, and so have we.

## More that can be measured

    make bench                          # the first five parts, all in one run; about six minutes
    make bench BENCH="streams"          # one of them: answers, redis, streams, workers, growth
    make bench BENCH="--json out.json"  # the figures for a program
    make bench-profile                  # where the time of a request goes, as bench.prof for pstats
    make bench-people                   # p95 of every list on 10,000 organisations, time until a revocation counts
    make bench-usage                    # the overview and the request list on ten million requests
    make soak                           # ten minutes of 200 callers on a provider that fails three times in ten
    make replay                         # repeated traffic: hit rate of the cache, cost with and without cache and routing

`make soak` counts whole answers and compares each with the truth, so that a stump reported as finished would be seen, and
prints what memory and connections are left over.
"""


def benchmarks_page() -> str:
    """All parts, in their order."""
    lines = ["# Benchmarks", NOTICE, "", _HEAD]
    for name, words in PARTS.items():
        lines += [words, *_measured(json.loads((RESULTS / f"{name}.json").read_text("utf-8")))]
    return "\n".join([*lines, _LIMITS])


def _measured(result: Json) -> Sequence[str]:
    machine: Json = result["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}; {versions}."
    if machine["load"] > 1:
        where += f" **The machine was busy**: {machine['load']:g} processes wanted its cores in the minute before."
    rows = [(row["name"], _figure(row), _budget(row)) for row in result["rows"]]
    return [*table(("", "", "budget"), rows), "", f"`{result['command']}` on {result['date']}: {where}", ""]


def _figure(row: Json) -> str:
    value: float = row["value"]
    size = abs(value)
    decimals = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2 if size >= 0.01 else 4
    shown = f"{value:,.{decimals}f} {_UNITS.get(row['unit'], row['unit'])}"
    return f"{shown} ({row['note']})" if row["note"] else shown


_UNITS: Final[Mapping[str, str]] = {"us": "µs", "of its rate": "times its rate"}


def _budget(row: Json) -> str:
    if row["budget"] is None:
        return ""
    least = "at least" if row["more_is_better"] else "at most"
    kept = row["value"] >= row["budget"] if row["more_is_better"] else row["value"] <= row["budget"]
    return f"{least} {row['budget']:,g}: {'kept' if kept else '**missed**'}"
