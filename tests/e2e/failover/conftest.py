"""A gateway with seconds scaled down, between misbehaving providers and real callers."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import httpx2
import pytest

from tests.e2e.beside import beside
from tests.e2e.gateway import Gateway, Json, run_gateway
from tests.upstreams.faults import Misbehaving
from tests.upstreams.misbehaving import misbehaving


@dataclass
class Told:
    """What a caller got."""

    status: int
    text: str
    finished: bool
    """A finish reason and, in a stream, its terminator were seen."""
    error: Json | None
    headers: httpx2.Headers
    finish: str | None = None
    """The reason why it ended, as the dialect says it."""


@dataclass
class Theatre:
    """The gateway, the provider behind it, and a caller."""

    gateway: Gateway
    provider: Misbehaving

    def ask(self, wire: str, model: str, *, stream: bool, dialect: str = "openai", key: str | None = None) -> Told:
        """Ask an alias of a wire, such as `openai.reset`."""
        body: Json = {"model": f"{wire}.{model}", "stream": stream, "messages": [{"role": "user", "content": "Go"}]}
        path = "/v1/chat/completions"
        if dialect == "anthropic":
            body["max_tokens"] = 500
            path = "/v1/messages"
        response = httpx2.post(
            self.gateway.url + path,
            json=body,
            headers={"authorization": f"Bearer {key or self.gateway.key}"},
            timeout=40,
        )
        if not response.headers["content-type"].startswith("text/event-stream"):
            return _whole(response)
        return _openai(response) if dialect == "openai" else _anthropic(response)

    def event(self, told: Told) -> Json:
        """The usage event of what was told."""
        url = f"{self.gateway.url}/v1/requests/{told.headers['x-request-id']}"
        deadline = time.monotonic() + 20
        while True:
            answer = httpx2.get(url, headers={"authorization": f"Bearer {self.gateway.key}"}, timeout=10)
            if answer.status_code == 200:
                event: Json = answer.json()
                return event
            assert answer.status_code == 404, answer.text
            assert time.monotonic() < deadline, "no usage event"
            time.sleep(0.1)


def _whole(response: httpx2.Response) -> Told:
    body: Json = response.json()
    if "error" in body:
        return Told(response.status_code, "", finished=False, error=body["error"], headers=response.headers)
    if "choices" in body:
        choice = body["choices"][0]
        text, finish = choice["message"]["content"], choice["finish_reason"]
    else:
        text, finish = "".join(block["text"] for block in body["content"]), body["stop_reason"]
    return Told(response.status_code, text, finished=bool(finish), error=None, headers=response.headers, finish=finish)


def _events(response: httpx2.Response) -> list[Json]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    return [cast("Json", json.loads(line)) for line in lines if line != "[DONE]"]


def _openai(response: httpx2.Response) -> Told:
    text, finish, error, ids = "", None, None, set[str]()
    for event in _events(response):
        if "error" in event:
            error = event["error"]
            continue
        ids.add(event["id"])
        assert event["choices"], "nobody asked for a usage chunk"
        for choice in event["choices"]:
            text += choice["delta"].get("content") or ""
            finish = choice["finish_reason"] or finish
    assert len(ids) <= 1, "the first id stays"
    done = "data: [DONE]" in response.text
    assert not (done and error), "nothing is finished and failed"
    return Told(
        response.status_code, text, finished=bool(finish) and done, error=error, headers=response.headers, finish=finish
    )


def _anthropic(response: httpx2.Response) -> Told:
    text, finish, error, starts, stopped = "", None, None, 0, False
    for event in _events(response):
        kind: Any = event["type"]
        starts += kind == "message_start"
        stopped = stopped or kind == "message_stop"
        if kind == "error":
            error = event["error"]
        elif kind == "content_block_delta":
            text += event["delta"].get("text", "")
        elif kind == "message_delta":
            finish = event["delta"]["stop_reason"]
    assert starts <= 1
    assert not (stopped and error), "nothing is finished and failed"
    return Told(
        response.status_code,
        text,
        finished=bool(finish) and stopped,
        error=error,
        headers=response.headers,
        finish=finish,
    )


@pytest.fixture(scope="package")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """One for all cases; each case has models of its own, so that circuits do not mix."""
    with (
        beside(misbehaving()) as provider,
        run_gateway(tmp_path_factory.mktemp("failover"), _config(provider.url)) as gateway,
    ):
        yield Theatre(gateway, provider)


def _config(url: str) -> str:
    aliases = "\n".join(_alias(wire, *case) for wire in ("openai", "anthropic") for case in CASES)
    return f"""
providers:
  openai: {{api_key: sk-up, base_url: {url}/v1}}
  anthropic: {{api_key: sk-up, base_url: {url}}}
  unnamed: {{type: openai_compatible, base_url: "https://no-such-host.invalid/v1"}}
  untrusted: {{type: openai_compatible, base_url: "{url.replace("http", "https")}/v1"}}
defaults: {{timeouts: {{connect: 2, first_token: 1, idle: 1, total: 8}}}}
models:
{aliases}
"""


def _alias(wire: str, name: str, first: str, second: str | None) -> str:
    targets = [_target(wire, f"{first}{'' if first[-1].isdigit() else f'-{name}'}", "")]
    if second is not None:
        prefill = {"continuing": ", prefill: true", "good": ", prefill: false"}.get(second.partition("-")[0], "")
        targets.append(_target(wire, f"{second}-2", prefill))
    lines = "\n".join(f"      - {target}" for target in targets)
    soon = "    timeouts: {total: 2}\n" if name == "stall_alone" else ""
    return f"  {wire}.{name}:\n{soon}    targets:\n{lines}"


def _target(wire: str, model: str, rest: str) -> str:
    host, _, of_it = model.partition("@")
    provider = host if of_it else wire
    price = "price: {input: '1', output: '2'}"
    return f"{{provider: {provider}, model: {(of_it or host)}, {price}{rest}}}"


CASES: list[tuple[str, str, str | None]] = [
    *[
        (fault, fault, "good")
        for fault in (
            "limited_once",
            "limited",
            "limited_long",
            "failing_once",
            "down",
            "reset",
            "silent",
            "late",
            "drip",
            "toolong",
            "filtered",
            "flap",
            "nocredit",
            "badkey",
            "unpaid",
            "forbidden",
            "endless",
            "opened",
            "censored",
            "lowcredit",
            "deep",
            "interrupted",
        )
    ],
    ("begun_once", "begun_once", "good"),
    ("begun_once_alone", "begun_once", None),
    ("cut", "cut-40", "good"),
    ("cut_continued", "cut-40", "continuing"),
    ("cut_unprefilled", "cut-40", "noprefill"),
    ("cut_alone", "cut-40", None),
    ("stall", "stall-30", "good"),
    ("stall_alone", "stall-20", None),
    ("leave_unanswered", "silent", None),
    ("leave_waiting", "silent", None),
    ("leave_assembling", "stall-31", "silent"),
    ("leave_overheard", "stall-39", "good"),
    ("leave_forgotten", "cut-38", "silent"),
    ("leave_finished", "figures_late-5", None),
    ("leave_unfigured", "figures_late-40", None),
    ("figures_late", "figures_late-30", "good"),
    ("leave_rescued", "cut-41", "silent"),
    ("leave_pausing", "limited_pause", None),
    ("malformed", "malformed-5", "good"),
    ("unterminated", "unterminated-0", "good"),
    ("chattering", "chattering-0", "good"),
    ("halved", "halved-40", "good"),
    ("halved_alone", "halved-41", None),
    ("down_alone", "down", None),
    ("all_down", "down", "reset"),
    ("unnamed", "unnamed@x", "good"),
    ("untrusted", "untrusted@x", "good"),
]
"""Alias, the first target's fault, the second target."""
