"""An answer that cannot be handed over is told as one, and not called free."""

import asyncio
import json
from pathlib import Path
from typing import Any

from llmgateway.app import Part, open_gateway
from llmgateway.kit.asgi import Message
from llmgateway.settings import load_settings

Json = dict[str, Any]
KEY = "lgw_live_" + "k" * 32


class Line:
    """A caller whose server takes no head of an answer the first time."""

    def __init__(self, body: Json) -> None:
        self._body = [json.dumps(body).encode()]
        self.heads = list[int]()
        self.said = b""

    async def receive(self) -> Json:
        if not self._body:
            await asyncio.Event().wait()  # it stays
        return {"type": "http.request", "body": self._body.pop(), "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.heads.append(message["status"])
            if len(self.heads) == 1:
                raise RuntimeError("Invalid HTTP header value.")
        self.said += message.get("body", b"")


async def test_an_answer_that_the_server_does_not_take_is_told_with_where_its_charge_stands(
    database_url: str, tmp_path: Path
) -> None:
    settings = load_settings(
        {
            "DATABASE_URL": database_url,
            "LLMGATEWAY_SECRET_KEY": "s" * 32,
            "JWT_SECRET_KEY": "j" * 32,
            "LLMGATEWAY_BOOTSTRAP_API_KEY": KEY,
            "LLMGATEWAY_DATA_DIR": str(tmp_path),
        }
    )
    line = Line({"model": "sandbox/chat", "messages": [{"role": "user", "content": "Hi"}]})
    scope: Json = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [(b"authorization", f"Bearer {KEY}".encode())],
        "client": ("127.0.0.1", 1),
    }
    async with open_gateway(settings, part=Part.DATA) as gateway:
        await gateway(scope, line.receive, line.send)
    assert line.heads == [200, 500]
    message: str = json.loads(line.said)["error"]["message"]
    assert "could not hand over the answer" in message
    assert "GET /v1/requests/req_" in message
    assert "nothing was charged" not in message
