"""Streams without end, over real HTTP: what passes on may be of any length, what is held of it may not."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Call, Dialect
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dispatch.attempt import Served
from llmgateway.dataplane.dispatch.dispatcher import Asking, Dispatcher
from llmgateway.dataplane.dispatch.rescue import RescuedStream
from llmgateway.dataplane.dispatch.retries import Retries
from llmgateway.dataplane.lookup.collector import Collector
from llmgateway.errors import ProviderError, UpstreamFailed
from llmgateway.kit import http
from llmgateway.kit.crypto import MasterKeys
from llmgateway.kit.http import HttpClient
from llmgateway.kit.vault import Vault
from tests.dataplane.dispatch.labs import Notes
from tests.dataplane.routing import Routing, chat

Frames = Iterator[bytes]
MEBIBYTE = 1 << 20
PADDING = "x" * 100_000
FILE = """
providers:
  openai: {base_url: URL/v1, api_key: a}
  anthropic: {base_url: URL, api_key: a}
  gemini: {base_url: URL, api_key: a}
  cohere: {base_url: URL, api_key: a}
  lab: {type: openai_compatible, base_url: URL/v1}
models:
  smart:
    retries: 0
    targets: [{provider: lab, model: m}, {provider: openai, model: m}]
  own:
    retries: 0
    targets: [{provider: openai, model: m}, {provider: lab, model: m}]
"""


def _event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def _chunk(delta: object, **more: object) -> bytes:
    return _event(choices=[{"index": 0, "delta": delta, **more}])


def _odds() -> Frames:
    """What a caller asked for, at length."""
    odds: list[Json] = [{"token": PADDING, "logprob": -0.5, "bytes": None, "top_logprobs": []}]
    while True:
        yield _chunk({"content": "hi"}, logprobs={"content": odds})


def _calls() -> Frames:
    for number in count():
        call = {"index": number, "id": f"{number}{PADDING}", "function": {"name": "f", "arguments": "{}"}}
        yield _chunk({"tool_calls": [call]})


def _choices() -> Frames:
    for number in count():
        yield _event(choices=[{"index": number, "delta": {"content": "hi"}}], padding=PADDING)


def _claude() -> Frames:
    yield _event(type="message_start", message={"id": "msg", "model": "m"})
    yield _event(type="content_block_start", index=0, content_block={"type": "text", "text": "hi"})
    for number in count(1):
        block = {"type": "server_tool_use", "id": PADDING}
        yield _event(type="content_block_start", index=number, content_block=block)
        yield _event(type="content_block_delta", index=number, delta={"type": "text_delta", "text": "hi"})


def _google() -> Frames:
    while True:
        yield _event(candidates=[{"content": {"parts": [{"text": "hi"}, {"inlineData": {"data": PADDING}}]}}])


def _cohere() -> Frames:
    for number in count():
        said = {"message": {"content": {"text": "hi"}, "padding": PADDING}}
        yield _event(type="content-delta", index=number, delta=said)


def _nothing() -> Frames:
    while True:
        yield _chunk({}, padding=PADDING)


def _marked() -> Frames:
    """In every field that is put together."""
    while True:
        yield _chunk({"content": "hi", "annotations": [{"note": PADDING}]})


WIRES: dict[str, Callable[[], Frames]] = {
    "odds": _odds,
    "calls": _calls,
    "choices": _choices,
    "claude": _claude,
    "google": _google,
    "cohere": _cohere,
    "marked": _marked,
    "nothing": _nothing,
    "text": lambda: (_chunk({"content": PADDING}) for _ in count()),
    "comments": lambda: (b":\n\n" * 1_000 for _ in count()),
    "roles": lambda: (_chunk({"role": "assistant"}) * 100 for _ in count()),
    "event": lambda: (PADDING.encode() for _ in count()),
}


class Witness(Notes):
    """One that has seen streams break off."""

    def broke(self, error: ProviderError) -> None:
        """Nothing to tell."""


class Scene:
    """A dispatcher in front of a server that says what it says until nobody reads on, or all was sent."""

    def __init__(self, client: HttpClient, url: str) -> None:
        self.routing = Routing(FILE.replace("URL", url))
        clock = self.routing.clock
        vault = Vault(MasterKeys(["m" * 32]))
        retries = Retries(clock, lambda: None)
        self._dispatcher = Dispatcher({"http": client}, clock, self.routing.health, vault, retries)

    def asking(self, call: Call) -> Asking:
        return self._dispatcher.asking(call, self.routing.plan(call), Witness(), "org_1")

    async def stream(self, call: Call) -> RescuedStream:
        asking = self.asking(call)
        return _running(asking, await asking.first())


@asynccontextmanager
async def _serving(wire: str, mebibytes: int) -> AsyncGenerator[Scene]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = mebibytes * MEBIBYTE
        with suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for frame in WIRES[wire]():
                writer.write(frame)
                await writer.drain()
                left -= len(frame)
                if left < 0:
                    break
            writer.write(_chunk({}, finish_reason="stop") + b"data: [DONE]\n\n")
            writer.write(_event(type="message_delta", delta={"stop_reason": "end_turn"}) + _event(type="message_stop"))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, HttpClient() as client:
        yield Scene(client, url)


def _running(asking: Asking, served: Served) -> RescuedStream:
    assert served.stream is not None
    return RescuedStream(asking, served, served.stream)


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mebibytes that may be held, so that no test takes many."""
    monkeypatch.setattr(http, "_MOST_BYTES", 4 * MEBIBYTE)


@contextmanager
def _held(mebibytes: float) -> Generator[None]:
    """No more than so much at any time."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
        assert peak < mebibytes * MEBIBYTE, f"{peak / MEBIBYTE:.1f} MiB"
    finally:
        tracemalloc.stop()


def _streamed(model: str, dialect: Dialect = Dialect.OPENAI, **fields: Any) -> Call:
    return replace(chat(model, **fields), stream=True, dialect=dialect)


async def _passed(stream: RescuedStream, collector: Collector | None = None) -> int:
    """Bytes of it, to its end."""
    try:
        while steps := await stream.next():
            if collector is not None:
                collector.note(steps, stream.target, native=stream.native, came=stream.came)
    finally:
        stream.close()
    return stream.came


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("model", "wire", "dialect"),
    [
        ("lab/m", "odds", Dialect.OPENAI),
        ("openai/m", "odds", Dialect.OPENAI),
        ("anthropic/m", "claude", Dialect.ANTHROPIC),
    ],
)
async def test_a_stream_that_passes_on_may_be_of_any_length(model: str, wire: str, dialect: Dialect) -> None:
    async with _serving(wire, 12) as scene:
        with _held(6):
            assert await _passed(await scene.stream(_streamed(model, dialect))) > 12 * MEBIBYTE


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("model", "wire"),
    [
        ("lab/m", "calls"),
        ("lab/m", "choices"),
        ("anthropic/m", "claude"),
        ("gemini/m", "google"),
        ("cohere/m", "cohere"),
    ],
)
async def test_what_a_reader_remembers_of_a_stream_has_an_end(model: str, wire: str) -> None:
    async with _serving(wire, 30) as scene:
        with _held(16), pytest.raises(ProviderError, match="no end"):
            await _passed(await scene.stream(_streamed(model)))


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("dialect", [Dialect.ANTHROPIC, Dialect.RESPONSES])
async def test_what_the_callers_dialect_puts_together_has_an_end(dialect: Dialect) -> None:
    async with _serving("odds", 30) as scene:
        with _held(16), pytest.raises(ProviderError, match="no end"):
            await _passed(await scene.stream(_streamed("lab/m", dialect)))


@pytest.mark.usefixtures("four")
async def test_an_answer_that_is_put_together_here_ends_where_a_whole_one_does() -> None:
    async with _serving("marked", 30) as scene:
        with _held(16), pytest.raises(UpstreamFailed):
            await scene.asking(chat()).first()


@pytest.mark.parametrize("model", ["lab/m", "openai/m"])
async def test_no_answer_says_more_than_any_model_does(model: str) -> None:
    async with _serving("text", 40) as scene:
        with _held(8), pytest.raises(ProviderError, match="no end"):
            await _passed(await scene.stream(_streamed(model)))


@pytest.mark.parametrize(
    ("model", "wire", "mebibytes"), [("openai/m", "comments", 1), ("lab/m", "roles", 1), ("lab/m", "nothing", 60)]
)
async def test_what_comes_before_the_first_content_is_not_held_for_ever(model: str, wire: str, mebibytes: int) -> None:
    """It goes out, and then what comes behind it passes on."""
    async with _serving(wire, mebibytes) as scene:
        with _held(40):  # each of the 170,000 comments of one piece is a step, for a moment
            assert await _passed(await scene.stream(_streamed(model))) > mebibytes * MEBIBYTE


async def test_comments_are_no_part_of_an_answer_that_is_put_together_here() -> None:
    async with _serving("comments", 1) as scene:
        with _held(40):
            served = await scene.asking(replace(chat("own"), dialect=Dialect.RESPONSES)).first()
        assert served.target.name == "lab/m"


@pytest.mark.parametrize("model", ["lab/m", "openai/m", "anthropic/m", "gemini/m", "cohere/m"])
async def test_an_event_without_end_is_left(model: str) -> None:
    async with _serving("event", 40) as scene:
        with _held(60), pytest.raises(UpstreamFailed) as failed:
            await scene.asking(_streamed(model)).first()
        assert "more than 16 MiB" in failed.value.attempts[0].message


async def test_what_was_said_is_kept_for_another_target_only_while_it_is_short() -> None:
    async with _serving("marked", 40) as scene:
        with _held(30):
            assert await _passed(await scene.stream(_streamed("smart"))) > 40 * MEBIBYTE


@pytest.mark.parametrize("model", ["lab/m", "openai/m"])
async def test_what_is_too_long_to_be_worth_keeping_is_not_collected(model: str) -> None:
    call = _streamed(model)
    collector = Collector(call)
    async with _serving("marked", 60) as scene:
        with _held(50):
            await _passed(await scene.stream(call), collector)
            assert collector.answer() is None
