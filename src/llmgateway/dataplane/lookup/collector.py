"""The whole answer out of what a caller got as a stream, or in the provider's own bytes: what the cache can keep."""

from collections.abc import Sequence
from typing import Final

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.dataplane.dispatch.assembly import Assembly
from llmgateway.dataplane.plan.targets import Target
from llmgateway.kit.sse import FrameTooLong
from llmgateway.providers.base import Answer, Decoder, Step, UpstreamReply

_MOST_BYTES: Final = 32 << 20
"""Bytes of a stream that is collected: streams have a few hundred for each word."""
_SLICE: Final = 1 << 16
"""Bytes of native frames that are decoded at a time."""


class Collector:
    """Joins the steps of a stream into the answer to be kept."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._assembly = Assembly()
        self._native: Target | None = None
        self._frames = bytearray()
        """Native frames, one behind the other: as a list, small ones would take many times the memory."""
        self._too_long = False

    def note(self, steps: Sequence[Step], target: Target, *, native: bool, came: int) -> None:
        """Add steps that go to the caller now; `came` is how many bytes of the stream have arrived so far."""
        if self._too_long or came > _MOST_BYTES:
            self._too_long, self._frames, self._assembly, self._native = True, bytearray(), Assembly(), None
            return
        if native:
            self._native = target
            for step in steps:
                self._frames += step.raw
            return
        self._read()
        for step in steps:
            self._assembly.add(step)

    def answer(self) -> Answer | None:
        """The whole answer, once the stream has finished; None when it was too long to be kept."""
        self._read()
        return None if self._too_long else self._assembly.answer()

    def _read(self) -> None:
        if self._native is None:
            return
        decoder, self._native = self._native.provider.rereads(self._call), None
        try:
            self._reread(decoder)
        except FrameTooLong:
            self._too_long = True  # it came in larger pieces than it is read in here

    def _reread(self, decoder: Decoder) -> None:
        for start in range(0, len(self._frames), _SLICE):
            for step in decoder.feed(bytes(self._frames[start : start + _SLICE])):
                self._assembly.add(step)
        for step in decoder.close():
            self._assembly.add(step)


def can_be_collected(call: Call, target: Target) -> bool:
    """Whether the answer has a canonical form: all have, but native Responses and streams of other operations than chat."""
    if call.dialect is Dialect.RESPONSES and target.provider.speaks(call):
        return False
    return call.operation is Operation.CHAT or not call.stream


def in_canon(answer: Answer, call: Call, target: Target) -> Answer | None:
    """The canonical form of a whole answer, also where the caller gets the provider's own bytes; None when it has none."""
    if not can_be_collected(call, target):
        return None
    if answer.raw is None or call.dialect is Dialect.OPENAI:
        return answer
    spoken = msgspec.structs.replace(call, dialect=Dialect.OPENAI, body=call.canon)
    return target.provider.read(spoken, UpstreamReply(200, {}, answer.raw))
