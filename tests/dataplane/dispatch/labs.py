"""Hosts for tests whose credentials follow a script, and a dispatcher that asks them."""

import asyncio
from collections.abc import Mapping

import msgspec

from llmgateway.canon.call import Call
from llmgateway.contract.usage import Attempt
from llmgateway.dataplane.dispatch.attempt import Served
from llmgateway.dataplane.dispatch.dispatcher import Dispatcher
from llmgateway.dataplane.dispatch.retries import Retries
from llmgateway.dataplane.plan.targets import Target
from llmgateway.errors import ProviderError
from llmgateway.kit.crypto import MasterKeys
from llmgateway.kit.http import Exchange, HttpError, Trouble
from llmgateway.kit.vault import Vault
from llmgateway.providers.base import Step
from tests.dataplane.routing import Routing, chat

LABS = """
providers:
  one: {type: openai_compatible, base_url: http://one/v1, api_keys: [a, b]}
  two: {type: openai_compatible, base_url: http://two/v1, api_key: c}
  three: {type: openai_compatible, base_url: http://three/v1, api_key: d}
  openai: {base_url: http://openai/v1, api_key: e}
  quoting: {type: openai_compatible, base_url: http://four/v1, api_key: operators-own-key}
models:
  smart:
    retries: RETRIES
    targets:
      - {provider: one, model: m}
      - {provider: two, model: m}
      - {provider: three, model: m}
  alone:
    retries: RETRIES
    timeouts: {first_token: 0.05}
    targets: [{provider: one, model: m}]
  quoting:
    targets: [{provider: quoting, model: m}]
  rooms:
    targets:
      - {provider: one, model: m, context: 8000}
      - {provider: two, model: m, context: 8000}
      - {provider: three, model: m, context: 9000}
  responses:
    retries: 0
    timeouts: {first_token: 0.05}
    targets:
      - {provider: openai, model: gpt-4.1}
      - {provider: two, model: m}
"""
RESPONSE = {"id": "resp_1", "object": "response", "status": "completed", "output": [{"content": [{"text": "hi"}]}]}
RESPONSE_EVENTS = (
    {"type": "response.output_text.delta", "delta": "hi"},
    {"type": "response.completed", "response": RESPONSE},
)
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
EVENT = {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}


class Said:
    """An answer that is there at once."""

    def __init__(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.most = 1 << 20
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": kind, **headers}
        self._left = [body]

    async def read(self) -> bytes:
        return self._left.pop() if self._left else b""

    async def piece(self) -> bytes:
        return await self.read()

    def close(self) -> None:
        self._left.clear()


class Labs:
    """Three hosts behind one transport; each credential does what the script says, once or for ever."""

    def __init__(self, **script: int | str | list[int | str]) -> None:
        """Secret -> statuses in order, the last one for ever; 200 where nothing is said.

        `reset`, `slow`, `long` (the prompt is too long), `code` (a bad request), `stored` (elsewhere) and `quote` (the key is refused,
        and repeated) stand beside numbers.
        """
        self._script: dict[str, list[int | str]] = {
            secret: list(said) if isinstance(said, list) else [said] for secret, said in script.items()
        }
        self.asked = list[str]()
        self.streamed = list[bool]()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, connect_seconds: float
    ) -> Exchange:
        del method, connect_seconds
        secret = headers["authorization" if "authorization" in headers else "Authorization"].removeprefix("Bearer ")
        self.asked.append(secret)
        streamed = bool(msgspec.json.decode(body).get("stream"))
        self.streamed.append(streamed)
        script = self._script.get(secret, [200])
        said = script.pop(0) if len(script) > 1 else script[0]
        if said == "reset":
            raise HttpError(Trouble.RESET, "gone")
        if said == "slow":
            await asyncio.sleep(0.2)
        errors: dict[int | str, tuple[int, dict[str, str]]] = {
            "quote": (401, {"message": f"no such key: {secret}"}),
            "long": (400, {"message": "no", "code": "context_length_exceeded"}),
            "code": (400, {"message": "no", "code": f"code_{secret}", "param": f"for {secret}"}),
            "stored": (400, {"message": "not found", "code": "previous_response_not_found"}),
        }
        if said in errors:
            status, error = errors[said]
            return Said(status, msgspec.json.encode({"error": error}), "application/json")
        if isinstance(said, int) and said != 200:
            return Said(said, b'{"error": {"message": "no"}}', "application/json")
        if url.endswith("/responses"):
            events = b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in RESPONSE_EVENTS)
            return Said(200, events if streamed else msgspec.json.encode(RESPONSE), "text/event-stream")
        if streamed:
            return Said(200, b"data: " + msgspec.json.encode(EVENT) + b"\n\ndata: [DONE]\n\n", "text/event-stream")
        return Said(200, msgspec.json.encode(ANSWER), "application/json")


class Notes:
    """A witness that writes down."""

    def __init__(self) -> None:
        self.attempts = list[Attempt]()

    @property
    def trace_headers(self) -> Mapping[str, str]:
        return {}

    def opens(self, target: Target) -> None:
        """Nothing to bill here."""

    def overhears(self, step: Step) -> None:
        """Nothing to count here."""

    def attempted(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    def broke(self, error: ProviderError) -> None:
        raise AssertionError(error)


class Scene:
    """A router and a dispatcher over the labs."""

    def __init__(self, labs: Labs, retries: int = 2) -> None:
        self.labs = labs
        self.routing = Routing(LABS.replace("RETRIES", str(retries)))
        clock = self.routing.clock
        self.unretried: list[int] = []
        self.retries = Retries(clock, lambda: self.unretried.append(1))
        vault = Vault(MasterKeys(["m" * 32]))
        self.dispatcher = Dispatcher({"http": labs}, clock, self.routing.health, vault, self.retries)

    async def ask(self, call: Call | None = None) -> Served:
        call = call or chat()
        return await self.dispatcher.asking(call, self.routing.plan(call), Notes(), "org_1").first()
