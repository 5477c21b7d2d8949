"""Ways in which a provider misbehaves, in OpenAI's and Anthropic's words; each is named in `FAULTS`.

The whole answer is always the sixty words of `wires.TEXT`. A name such as `cut-40` says the fault and its measure.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.upstreams.wires import WORDS, Json, frames, head, message

_LONG = 3600.0


@dataclass
class Misbehaving:
    """What was asked, by model, and who is still connected in mid-answer."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter[str])
    answering: Counter[str] = field(default_factory=Counter[str])
    bodies: list[Json] = field(default_factory=list[Json])
    ill: set[str] = field(default_factory=set[str])
    """Models of the `flap` sort that fail now."""


@dataclass
class Asked:
    """One request, and the way back."""

    model: str
    body: Json
    anthropic: bool
    writer: asyncio.StreamWriter
    state: Misbehaving

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def measure(self) -> int:
        return int(self.model.rpartition("-")[2])

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def whole(self, status: int, body: Json, **headers: str) -> None:
        payload = json.dumps(body).encode()
        await self.send(head(status, "application/json", {"content-length": str(len(payload)), **headers}) + payload)

    async def error(self, status: int, code: str, message: str, **headers: str) -> None:
        error = {"type": code, "code": code, "message": message}
        await self.whole(status, {"type": "error", "error": error}, **headers)

    async def begin(self) -> None:
        await self.send(head(200, "text/event-stream", {"connection": "close"}))


async def _good(asked: Asked, words: tuple[str, ...] = WORDS) -> None:
    if not asked.stream:
        await asked.whole(200, message(asked, words))
        return
    await asked.begin()
    for frame in frames(asked, words):
        await asked.send(frame)


def _prefill(asked: Asked) -> str | None:
    last = asked.body["messages"][-1]
    return last["content"] if last["role"] == "assistant" else None


async def _continuing(asked: Asked) -> None:
    """Takes a prefill, and says only what is missing."""
    said = _prefill(asked) or ""
    await _good(asked, tuple(WORDS[len(said.split()) :]))


async def _no_prefill(asked: Asked) -> None:
    if _prefill(asked) is not None:
        await asked.error(400, "invalid_request_error", "This model does not support assistant message prefill.")
        return
    await _good(asked)


async def _limited_once(asked: Asked) -> None:
    if asked.state.asked[asked.model] == 1:
        await asked.error(429, "rate_limit_error", "slow down", retry_after="1")
    else:
        await _good(asked)


async def _failing_once(asked: Asked) -> None:
    if asked.state.asked[asked.model] == 1:
        await asked.error(500, "server_error", "something broke")
    else:
        await _good(asked)


async def _reset(asked: Asked) -> None:
    asked.writer.transport.abort()


async def _begun_once(asked: Asked) -> None:
    """The first answer ends, in order, before its first word."""
    if asked.state.asked[asked.model] == 1:
        await asked.begin()
        await asked.send(frames(asked, WORDS)[0])
    else:
        await _good(asked)


async def _silent(asked: Asked) -> None:
    del asked
    await asyncio.sleep(_LONG)


async def _late(asked: Asked) -> None:
    await asked.begin()
    await asyncio.sleep(_LONG)


async def _opened(asked: Asked) -> None:
    """A role, and never a word."""
    await asked.begin()
    await asked.send(frames(asked, WORDS)[0])
    await asyncio.sleep(_LONG)


async def _thinking(asked: Asked) -> None:
    """Headers and role at once, the rest after more than a second."""
    await asked.begin()
    opening, *rest = frames(asked, WORDS)
    await asked.send(opening)
    await asyncio.sleep(1.2)
    for frame in rest:
        await asked.send(frame)


async def _pausing(asked: Asked) -> None:
    """Thirty words, more than a second of what no other dialect hears, and the rest."""
    await asked.begin()
    for place, frame in enumerate(frames(asked, WORDS)):
        if place == 30:
            await asyncio.sleep(1.2)
        await asked.send(frame)


async def _cut(asked: Asked) -> None:
    """Dies in the middle of the answer, streamed or not."""
    if not asked.stream:
        payload = json.dumps(message(asked, WORDS)).encode()
        await asked.send(head(200, "application/json", {"content-length": str(len(payload))}) + payload[:100])
    else:
        await asked.begin()
        for frame in frames(asked, WORDS)[: asked.measure + 1]:
            await asked.send(frame)
    await asyncio.sleep(0.05)
    asked.writer.transport.abort()


async def _stall(asked: Asked) -> None:
    await asked.begin()
    for frame in frames(asked, WORDS)[: asked.measure + 1]:
        await asked.send(frame)
    await asyncio.sleep(_LONG)


async def _malformed(asked: Asked) -> None:
    await asked.begin()
    for place, frame in enumerate(frames(asked, WORDS)):
        if place == asked.measure:
            await asked.send(b"data: {this is no JSON\n\n")
        await asked.send(frame)


async def _unterminated(asked: Asked) -> None:
    await asked.begin()
    for frame in frames(asked, WORDS)[:-1]:
        await asked.send(frame)
    await asyncio.sleep(_LONG)


async def _figures_late(asked: Asked) -> None:
    """Says why it ended, and what it used only tenths of a second later."""
    await asked.begin()
    *spoken, closing, terminator = frames(asked, WORDS)
    finish, blank, figures = closing.partition(b"\n\n")
    for frame in (*spoken, finish + blank):
        await asked.send(frame)
    await asyncio.sleep(asked.measure / 10)
    await asked.send(figures + terminator)


async def _chattering(asked: Asked) -> None:
    """Says why it ended, and goes on with what means nothing."""
    await asked.begin()
    for frame in frames(asked, WORDS)[:-1]:
        await asked.send(frame)
    while True:
        await asked.send(b'event: ping\ndata: {"type": "ping"}\n\n' if asked.anthropic else b": still here\n\n")
        await asyncio.sleep(0.2)


async def _halved(asked: Asked) -> None:
    """Ends in the middle of an event."""
    await asked.begin()
    whole = b"".join(frames(asked, WORDS)[: asked.measure + 1])
    await asked.send(whole[:-20])


async def _deep(asked: Asked) -> None:
    """Ten words, then an event that no parser takes."""
    await asked.begin()
    for frame in frames(asked, WORDS)[:11]:
        await asked.send(frame)
    await asked.send(b"data: " + b"[" * 10_000 + b"\n\n")


async def _interrupted(asked: Asked) -> None:
    """Ten words, then the provider's filter breaks off."""
    await asked.begin()
    for frame in frames(asked, WORDS)[:11]:
        await asked.send(frame)
    await asyncio.sleep(0.1)
    error = {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}
    if not asked.anthropic:
        error = {"code": "content_filter", "message": "The response was filtered: content management policy."}
    await asked.send(b"event: error\ndata: " + json.dumps({"type": "error", "error": error}).encode() + b"\n\n")


async def _drip(asked: Asked) -> None:
    for byte in head(200, "text/event-stream", {}):
        await asked.send(bytes([byte]))
        await asyncio.sleep(0.2)


async def _too_long(asked: Asked) -> None:
    if asked.anthropic:
        await asked.error(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")
    else:
        await asked.error(400, "context_length_exceeded", "This model's maximum context length is 8192 tokens.")


async def _filtered(asked: Asked) -> None:
    if asked.anthropic:
        await asked.error(400, "invalid_request_error", "Output blocked by content filtering policy")
    else:
        await asked.error(400, "content_filter", "The response was filtered: content management policy.")


async def _censored(asked: Asked) -> None:
    """Ten words, then the provider's filter ends the answer."""
    if asked.anthropic:
        usual, reason = b'"end_turn"', b'"refusal"'
    else:
        usual, reason = b'"finish_reason": "stop"', b'"finish_reason": "content_filter"'
    await asked.begin()
    for frame in frames(asked, WORDS[:10]):
        await asked.send(frame.replace(usual, reason))


async def _low_credit(asked: Asked) -> None:
    """As the two say it: Anthropic with a 400, OpenAI with a 429."""
    if asked.anthropic:
        said = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
        await asked.error(400, "invalid_request_error", said)
    else:
        await asked.error(429, "insufficient_quota", "You exceeded your current quota, please check your plan.")


async def _flap(asked: Asked) -> None:
    if asked.model in asked.state.ill:
        await asked.error(503, "overloaded_error", "down for now")
    else:
        await _good(asked)


async def _slow(asked: Asked) -> None:
    """Good, and in no hurry: three seconds."""
    await asked.begin()
    for frame in frames(asked, WORDS):
        await asked.send(frame)
        await asyncio.sleep(0.05)


async def _endless(asked: Asked) -> None:
    await asked.begin()
    opening, word, *_ = frames(asked, WORDS)
    await asked.send(opening)
    while True:
        await asked.send(word)
        await asyncio.sleep(0.02)


def _status(status: int, code: str, message: str, **headers: str) -> Callable[[Asked], Awaitable[None]]:
    async def fault(asked: Asked) -> None:
        await asked.error(status, code, message, **headers)

    return fault


FAULTS: dict[str, Callable[[Asked], Awaitable[None]]] = {
    "good": _good,
    "continuing": _continuing,
    "noprefill": _no_prefill,
    "limited_once": _limited_once,
    "limited": _status(429, "rate_limit_error", "slow down"),
    "limited_short": _status(429, "rate_limit_error", "slow down", retry_after="1"),
    "limited_long": _status(429, "rate_limit_error", "slow down", retry_after="60"),
    "limited_pause": _status(429, "rate_limit_error", "slow down", retry_after="4"),
    "failing_once": _failing_once,
    "down": _status(503, "overloaded_error", "no capacity"),
    "reset": _reset,
    "begun_once": _begun_once,
    "silent": _silent,
    "late": _late,
    "opened": _opened,
    "thinking": _thinking,
    "pausing": _pausing,
    "cut": _cut,
    "stall": _stall,
    "malformed": _malformed,
    "unterminated": _unterminated,
    "figures_late": _figures_late,
    "chattering": _chattering,
    "halved": _halved,
    "deep": _deep,
    "interrupted": _interrupted,
    "drip": _drip,
    "toolong": _too_long,
    "filtered": _filtered,
    "censored": _censored,
    "lowcredit": _low_credit,
    "flap": _flap,
    "slow": _slow,
    "endless": _endless,
    "nocredit": _status(
        429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing."
    ),
    "badkey": _status(401, "authentication_error", "Incorrect API key provided"),
    "unpaid": _status(402, "billing_error", "Insufficient balance"),
    "forbidden": _status(403, "permission_error", "Your account is not active, please check your billing details."),
}


_ANY = (
    "limited", "limited_short", "limited_long", "failing", "down", "reset", "silent", "late", "opened", "cut", "halved",
    "stall", "malformed", "deep", "unterminated", "chattering", "drip", "nocredit", "badkey",
)  # fmt: skip


async def _unreliable(asked: Asked) -> None:
    """Fails three times in ten, each time in another way."""
    if random.random() < 0.3:
        await FAULTS[random.choice(_ANY)](asked)
    else:
        await _good(asked)


FAULTS["failing"] = _status(500, "server_error", "something broke")
FAULTS["unreliable"] = _unreliable
