"""An answer that cannot be handed over is told as one, and not called free."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmgateway.app import Part, open_gateway
from llmgateway.contract.usage import UsageEvent
from llmgateway.dataplane.admit.limits import Limiter, Ticket
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.memory_store import MemoryStore
from llmgateway.settings import Settings, load_settings

Json = dict[str, Any]
KEY = "lgw_live_" + "k" * 32
ASKED: Json = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "Hi"}]}
SCOPE: Json = {
    "type": "http",
    "method": "POST",
    "path": "/v1/chat/completions",
    "headers": [(b"authorization", f"Bearer {KEY}".encode())],
    "client": ("127.0.0.1", 1),
}


class Line:
    """A caller whose server may take no head of an answer the first time."""

    def __init__(self, body: Json, *, takes_nothing: bool) -> None:
        self._takes_nothing = takes_nothing
        self._body = [json.dumps(body).encode()]
        self.heads = list[int]()
        self.said = b""

    async def receive(self) -> Json:
        if not self._body:
            await asyncio.Event().wait()  # it stays
        return {"type": "http.request", "body": self._body.pop(), "more_body": False}

    async def send(self, message: Json) -> None:
        if message["type"] == "http.response.start":
            self.heads.append(message["status"])
            if len(self.heads) == 1 and self._takes_nothing:
                raise RuntimeError("Invalid HTTP header value.")
        self.said += message.get("body", b"")


class Broken(Limiter):
    """Admits, and fails at the end."""

    async def end(self, ticket: Ticket, event: UsageEvent) -> None:
        raise RuntimeError(f"{ticket.id} cannot be settled: {event.outcome}")


def _settings(database_url: str, folder: Path) -> Settings:
    return load_settings(
        {
            "DATABASE_URL": database_url,
            "LLMGATEWAY_SECRET_KEY": "s" * 32,
            "JWT_SECRET_KEY": "j" * 32,
            "LLMGATEWAY_BOOTSTRAP_API_KEY": KEY,
            "LLMGATEWAY_DATA_DIR": str(folder),
        }
    )


async def test_an_answer_that_the_server_does_not_take_is_told_with_where_its_charge_stands(
    database_url: str, tmp_path: Path
) -> None:
    line = Line(ASKED, takes_nothing=True)
    async with open_gateway(_settings(database_url, tmp_path), part=Part.DATA) as gateway:
        await gateway(SCOPE, line.receive, line.send)
    assert line.heads == [200, 500]
    message: str = json.loads(line.said)["error"]["message"]
    assert "could not hand over the answer" in message
    assert "GET /v1/requests/req_" in message
    assert "nothing was charged" not in message


async def test_an_answer_that_is_out_stays_as_it_is_whatever_fails_behind_it(database_url: str, tmp_path: Path) -> None:
    line = Line(ASKED, takes_nothing=False)
    async with open_gateway(_settings(database_url, tmp_path), part=Part.DATA) as gateway:
        rooms, clock = gateway.dataplane.rooms, SystemClock()
        instruments = replace(rooms.instruments, limiter=Broken(MemoryStore(clock), clock))
        plane = replace(gateway.dataplane, rooms=replace(rooms, instruments=instruments))
        await plane(SCOPE, line.receive, line.send)
    assert line.heads == [200]
    assert json.loads(line.said)["choices"]
