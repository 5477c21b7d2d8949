"""watch, the sending half: the answer goes to the caller, and nothing counts as finished that was not."""

import time
from collections.abc import Sequence
from typing import Protocol, Self

import msgspec

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.chat import ChatChunk
from llmgateway.contract.usage import Outcome
from llmgateway.dataplane.dialects.base import DialectWriter, StreamWriter
from llmgateway.dataplane.dispatch.failure import broken_stream
from llmgateway.dataplane.dispatch.rescue import RescuedStream
from llmgateway.dataplane.lookup.cache import Look
from llmgateway.dataplane.lookup.collector import Collector, in_canon
from llmgateway.dataplane.observe.tracing import NO_TRACE, Trace
from llmgateway.dataplane.plan.targets import Target
from llmgateway.dataplane.reply import Reply
from llmgateway.dataplane.watch.meter import Meter
from llmgateway.errors import ProviderError
from llmgateway.providers.base import Answer, Step


class Audience(msgspec.Struct, frozen=True):
    """Whom an answer goes to, and what follows it on its way."""

    call: Call
    dialect: DialectWriter
    meter: Meter
    reply: Reply
    look: Look | None = None
    """The look-up that may keep the answer; None where nothing is kept."""
    trace: Trace = NO_TRACE


async def whole(answer: Answer, audience: Audience, target: Target | None = None) -> None:
    """Count, keep and send a whole answer. `target` gave it; None when it came from the cache or from the gateway itself."""
    call, dialect, meter, reply = audience.call, audience.dialect, audience.meter, audience.reply
    meter.received(answer)
    look = audience.look
    kept = in_canon(answer, call, target) if look is not None and look.keeps and target is not None else None
    body = answer.raw
    if body is None:
        if answer.body.get("created") == 0:
            answer.body["created"] = int(time.time())
        if answer.body.get("id") == "":
            answer.body["id"] = _answer_id(reply.request_id)
        if call.operation is Operation.EMBEDDINGS and not answer.body.get("usage"):
            answer.body["usage"] = {"prompt_tokens": meter.prompt_tokens, "total_tokens": meter.prompt_tokens}
        if call.operation is Operation.CHAT:
            answer = msgspec.structs.replace(answer, usage=meter.figures)
        body = dialect.answer(call, answer)
    event = await meter.settle(Outcome.FINISHED, 200)
    if look is not None and kept is not None:
        await look.keep(msgspec.structs.replace(kept, usage=meter.figures), event)
    await reply.whole(200, body, [*meter.headers(), meter.cost_header()])


class Running(Protocol):
    """An answer that comes step by step."""

    @property
    def native(self) -> bool:
        """The steps carry the provider's own frames."""
        ...

    @property
    def spoken(self) -> Sequence[ChatChunk]:
        """What the caller had when the answer ceased to be native."""
        ...

    async def next(self) -> Sequence[Step]:
        """The next steps, empty at the end. Raises ProviderError."""
        ...

    async def release(self) -> None:
        """The answer is out: give its connection back."""
        ...

    def close(self) -> None:
        """Leave the provider; safe to call twice."""
        ...


async def stream(live: Running, audience: Audience, collector: Collector | None = None) -> None:
    """Count and pass on every step of a stream. Its terminator goes out only after the event was written."""
    dialect, meter, reply = audience.dialect, audience.meter, audience.reply
    writer = dialect.stream(audience.call)
    voice = _Native(audience.call) if live.native else _Translated(writer, reply.request_id)
    try:
        await reply.start_stream(meter.headers())
        await reply.piece(voice.opening())
        while steps := await live.next():
            for step in steps:
                meter.observe(step)
            if collector is not None and isinstance(live, RescuedStream):
                collector.note(steps, live.target, native=live.native, came=live.came)
            if isinstance(voice, _Native) and not live.native:  # another target goes on: from here on in our words
                voice = _Translated.behind(live.spoken, writer, reply.request_id)
            await reply.piece(voice.write(steps))
        await reply.stop_keepalive()
        event = await meter.settle(Outcome.FINISHED, 200)
        collected = collector.answer() if collector is not None else None
        if collected is not None and audience.look is not None:
            await audience.look.keep(msgspec.structs.replace(collected, usage=meter.figures), event)
        await reply.end_stream(voice.ending(dialect, meter))
        await live.release()
    except ProviderError as error:
        await _fail(error, audience, voice, writer)
    finally:
        live.close()


class _Native:
    """Passes on the frames of a provider that owns the caller's dialect, without a usage chunk that the caller did not ask for."""

    __slots__ = ("_keep_usage", "_terminator", "first", "last")

    def __init__(self, call: Call) -> None:
        self._keep_usage = call.include_usage
        self._terminator = b""
        self.first = self.last = b""
        """The first and the last frame that said something."""

    def opening(self) -> bytes:
        return b""

    def write(self, steps: Sequence[Step]) -> bytes:
        frames: list[bytes] = []
        for step in steps:
            if step.end:
                self._terminator = step.raw
                break  # a [DONE] behind an event that ends the answer would overtake it
            if self._keep_usage or not step.usage_only:
                frames.append(step.raw)
                if b"data:" in step.raw:
                    self.first, self.last = self.first or step.raw, step.raw
        return b"".join(frames)

    def ending(self, dialect: DialectWriter, meter: Meter) -> bytes:
        del meter
        return self._terminator or dialect.terminator()


class _Translated:
    """Writes the caller's dialect from canonical chunks."""

    __slots__ = ("_created", "_id", "_writer")

    def __init__(self, writer: StreamWriter, request_id: str) -> None:
        self._writer = writer
        self._id = _answer_id(request_id)
        self._created = int(time.time())

    @classmethod
    def behind(cls, spoken: Sequence[ChatChunk], writer: StreamWriter, request_id: str) -> Self:
        """A writer that goes on where a native stream broke off: it is told what the caller has, and does not repeat it."""
        voice = cls(writer, request_id)
        writer.open()
        for chunk in spoken:
            writer.chunk(voice._named(chunk))
        return voice

    def opening(self) -> bytes:
        return self._writer.open()

    def write(self, steps: Sequence[Step]) -> bytes:
        return b"".join([self._writer.chunk(self._named(step.chunk)) for step in steps if step.chunk is not None])

    def ending(self, dialect: DialectWriter, meter: Meter) -> bytes:
        del dialect
        return self._writer.close(meter.figures)

    def _named(self, chunk: ChatChunk) -> ChatChunk:
        if not chunk.get("created"):
            chunk["created"] = self._created
        if not chunk.get("id"):
            chunk["id"] = self._id
        return chunk


def _answer_id(request_id: str) -> str:
    """An id for an answer whose provider gave it none."""
    return f"chatcmpl-{request_id.removeprefix('req_')}"


async def _fail(error: ProviderError, audience: Audience, voice: _Native | _Translated, writer: StreamWriter) -> None:
    """End a stream that broke off, with an error event in the caller's dialect."""
    meter, reply = audience.meter, audience.reply
    await reply.stop_keepalive()
    problem = broken_stream(error, meter.attempts)
    await meter.settle(Outcome.FAILED, 200, problem)
    if audience.call.wishes.severed:
        await reply.break_off()
        return
    if isinstance(voice, _Native):
        writer.follows(voice.first, voice.last)
    await reply.end_stream(writer.failure(problem, reply.request_id))
