"""Case 21: whoever leaves, in whatever phase, leaves no call, no place and no wrong bill behind."""

import json
import socket
import time
from collections.abc import Callable

import httpx2
import pytest

from tests.e2e.failover.conftest import Theatre
from tests.e2e.gateway import Gateway, Json

pytestmark = pytest.mark.slow

WIRES = pytest.mark.parametrize("wire", ["openai", "anthropic"])


def _until(true: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def _speak(gateway: Gateway, key: str, body: Json) -> socket.socket:
    """A caller that can hang up at any moment."""
    address = httpx2.URL(gateway.url)
    payload = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
    line = socket.create_connection((address.host, address.port or 80), timeout=10)
    line.sendall(head.encode() + payload)
    return line


def _event(gateway: Gateway, alias: str) -> Json:
    """The one event of an alias."""
    found = list[Json]()

    def is_there() -> bool:
        events: list[Json] = json.loads(gateway.command("usage", "list", "--json"))
        found[:] = [event for event in events if event["model"] == alias]
        return bool(found)

    _until(is_there, what="no event")
    assert len(found) == 1
    return found[0]


def _body(alias: str, *, stream: bool) -> Json:
    return {"model": alias, "stream": stream, "messages": [{"role": "user", "content": "Go"}]}


@WIRES
@pytest.mark.parametrize(
    ("phase", "asked", "stream"),
    [
        ("leave_unanswered", "silent-leave_unanswered", True),
        ("leave_waiting", "silent-leave_waiting", False),
        ("leave_assembling", "silent-2", False),
        ("leave_rescued", "silent-2", True),
    ],
)
def test_21_who_leaves_in_any_phase_is_not_served_on(
    theatre: Theatre, wire: str, phase: str, asked: str, *, stream: bool
) -> None:
    gateway, answering = theatre.gateway, theatre.provider.answering
    key = gateway.new_key("--concurrency", "1")
    with _speak(gateway, key, _body(f"{wire}.{phase}", stream=stream)):
        _until(lambda: answering[asked] == 1, what="nobody was asked")
    _until(lambda: answering[asked] == 0, what="the upstream goes on without a reader")
    _until(lambda: theatre.ask(wire, "reset", stream=False, key=key).status == 200, what="its place was not given back")
    event = _event(gateway, f"{wire}.{phase}")
    assert event["outcome"] == "abandoned"
    assert event["prompt_tokens"] > 0, "it was sent"


@WIRES
def test_21_who_leaves_while_an_answer_is_put_together_is_billed_what_was_said(theatre: Theatre, wire: str) -> None:
    gateway, answering, asked = theatre.gateway, theatre.provider.answering, "stall-39"
    with _speak(gateway, gateway.key, _body(f"{wire}.leave_overheard", stream=False)):
        _until(lambda: answering[asked] == 1, what="nobody was asked")
        time.sleep(0.5)  # until its words have come
    event = _event(gateway, f"{wire}.leave_overheard")
    assert (event["outcome"], event["usage_source"]) == ("abandoned", "counted")
    assert event["completion_tokens"] > 60, "39 words of the first target were generated"


@WIRES
def test_21_what_a_target_said_that_broke_off_is_not_billed_with_the_next_one(theatre: Theatre, wire: str) -> None:
    gateway, answering = theatre.gateway, theatre.provider.answering
    with _speak(gateway, gateway.key, _body(f"{wire}.leave_forgotten", stream=False)):
        _until(lambda: answering["silent-2"] == 1, what="the second target was not asked")
    event = _event(gateway, f"{wire}.leave_forgotten")
    assert (event["outcome"], event["completion_tokens"]) == ("abandoned", 0)


def test_21_who_leaves_at_the_finish_is_billed_what_the_provider_tells(theatre: Theatre) -> None:
    gateway = theatre.gateway
    _leave_at_the_finish(gateway, "openai.leave_finished")
    event = _event(gateway, "openai.leave_finished")
    assert (event["outcome"], event["usage_source"]) == ("finished", "provider")
    assert (event["prompt_tokens"], event["completion_tokens"]) == (9, 60)


def test_21_who_leaves_at_the_finish_is_not_waited_for_long(theatre: Theatre) -> None:
    gateway, answering = theatre.gateway, theatre.provider.answering
    _leave_at_the_finish(gateway, "openai.leave_unfigured")
    event = _event(gateway, "openai.leave_unfigured")
    assert (event["outcome"], event["usage_source"]) == ("abandoned", "counted")
    assert event["completion_tokens"] > 60, "all of it was generated"
    assert answering["figures_late-40"] == 0, "the upstream was closed"


def _leave_at_the_finish(gateway: Gateway, alias: str) -> None:
    with _speak(gateway, gateway.key, _body(alias, stream=True)) as line:
        heard = b""
        while b'"finish_reason": "stop"' not in heard:
            heard += line.recv(65_536)
        time.sleep(0.2)  # somebody watches the door by now


@WIRES
def test_21_who_leaves_while_a_retry_waits_pays_nothing(theatre: Theatre, wire: str) -> None:
    gateway, asked = theatre.gateway, theatre.provider.asked
    model = "limited_pause-leave_pausing"
    before = asked[model]
    with _speak(gateway, gateway.key, _body(f"{wire}.leave_pausing", stream=True)):
        _until(lambda: asked[model] > before, what="nobody was asked")
        time.sleep(0.3)  # until the refusal has come back
    event = _event(gateway, f"{wire}.leave_pausing")
    assert (event["outcome"], event["cost_usd"], event["prompt_tokens"]) == ("abandoned", "0.000000000", 0)
    assert asked[model] == before + 1, "nobody is asked for a caller who left"
