"""Streams on one core at the pace of a model, 50 chunks a second each: what a chunk costs, and how many streams fill the core."""

from collections.abc import Callable, Sequence

from bench.canned import anthropic_request, openai_request
from bench.gateway import Installation
from bench.load import Client, Streaming, stream
from bench.machine import pacer, relay
from bench.report import Row, Table

PASSED = openai_request("openai/gpt-4.1", stream=True)
STREAMS = {
    "OpenAI to OpenAI, passed through": (PASSED, 30),
    "Anthropic to Anthropic, passed through": (anthropic_request("anthropic/claude-sonnet-4-5", stream=True), 30),
    "OpenAI client, Anthropic provider, translated": (openai_request("anthropic/claude-sonnet-4-5", stream=True), 60),
    "Anthropic client, OpenAI provider, translated": (anthropic_request("openai/gpt-4.1", stream=True), 60),
}
WANTED = 500
"""Streams at once that one core is to carry."""
_FULL = 0.95
"""Of the core: from here on chunks wait for each other."""
_LATE_MS = 100
"""Between two chunks that are due every 20 ms: they wait already."""
_DUE = 50
"""Chunks a second of a stream."""
_KEPT_UP = 0.97
"""Of the chunks that are due: an upstream that writes less is full itself."""


def streamed_answers(table: Table, seconds: float, streams: int, most: int, installation: Installation) -> None:
    """Add what a chunk costs in each direction, and what more and more streams make of the core."""
    folder = installation.folder
    with pacer(folder) as upstream:
        with relay(folder, upstream) as server:
            bare = stream(Client(PASSED, "none", folder), server, upstream, streams=streams, seconds=seconds)
            _chunk(table, "bare relay", bare)
        with installation.serving(upstream) as server:
            table.add(Row("start to ready, database there", server.start_seconds, "s", budget=3))
            key = installation.make_key()
            for name, (request, budget) in STREAMS.items():
                client = Client(request, key, folder)
                client.check(server, "message_stop" if request.path == "/v1/messages" else "[DONE]")
                measured = stream(client, server, upstream, streams=streams, seconds=seconds)
                _chunk(table, name, measured, budget)
            client = Client(PASSED, key, folder)
            _until_full(
                table,
                range(streams, most + 1, streams),
                lambda count: stream(client, server, upstream, streams=count, seconds=seconds),
            )
            table.add(Row("memory after all of them", server.resident_megabytes(), "MB"))


def _chunk(table: Table, name: str, measured: Streaming, budget: float | None = None) -> None:
    note = f"{measured.streams} streams, {measured.chunks_per_second:,.0f} chunks/s, {measured.cpu_share:.0%} of a core"
    table.add(Row(f"CPU per chunk: {name}", measured.microseconds_per_chunk, "us", budget=budget, note=note))


def _until_full(table: Table, counts: Sequence[int], hold: Callable[[int], Streaming]) -> None:
    """More and more streams, passed through, until the core is full."""
    carried, why = None, ""
    for streams in counts:
        held = hold(streams)
        if why := _full(held):
            break
        carried = held
    name = "streams at once before the core is full, passed through"
    count = carried.streams if carried else 0
    notes = [f"{carried.cpu_share:.0%} of the core, {carried.gap_ms:.0f} ms between chunks (p99)"] if carried else []
    note = "; then ".join([*notes, why] if why else notes)
    table.add(Row(name, count, "streams", budget=WANTED, more_is_better=True, note=note))


def _full(held: Streaming) -> str:
    """Why so many are too many; empty when they are not."""
    if held.cpu_share >= _FULL:
        return "the core is full"
    if held.gap_ms > _LATE_MS:
        return f"{held.gap_ms:.0f} ms between chunks (p99)"
    return "the upstream or the client is full" if held.chunks_per_second < _KEPT_UP * _DUE * held.streams else ""
