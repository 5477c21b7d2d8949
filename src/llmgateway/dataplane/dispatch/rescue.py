"""Rescue: when a stream breaks off in mid-answer, another target goes on, and the caller reads one answer.

In this order, on each target that is left: continue behind what was said (where the target takes a prefill), else say it anew
and go on where the texts agree. Only when nobody can, the caller is told.
"""

from collections.abc import Iterator, Sequence

import msgspec

from llmgateway.canon.call import Call, Dialect
from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.dataplane.dispatch.attempt import Served
from llmgateway.dataplane.dispatch.dispatcher import Asking
from llmgateway.dataplane.dispatch.live import LiveStream
from llmgateway.dataplane.dispatch.seam import Diverged, Seam, Way
from llmgateway.dataplane.dispatch.transcript import Said, Transcript, can_be_rescued
from llmgateway.dataplane.plan.targets import Target
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import Step

_NOT_RESCUED = frozenset({FailureKind.CONTENT_FILTERED})


class RescuedStream:
    """A running answer, which another target may go on with if it breaks off. Whoever holds it must close it."""

    def __init__(self, asking: Asking, served: Served, stream: LiveStream) -> None:
        self._asking = asking
        self.target = served.target
        """The target that answers now."""
        self._live = stream
        self.native = stream.native
        """Whether the steps carry the provider's own frames; never again once another target has taken over."""
        self._seam: Seam | None = None
        self._ended = False
        self._said: Said | None = None
        self._transcript = (
            Transcript(asking.call, served.target, native=stream.native)
            if asking.others and can_be_rescued(asking.call, served.target)
            else None
        )
        self._ways = self._remaining()

    @property
    def came(self) -> int:
        """How many bytes of the present target's stream have arrived."""
        return self._live.came

    @property
    def spoken(self) -> Sequence[ChatChunk]:
        """What the caller had when the present target took over; nothing before that."""
        return self._said.chunks if self._said is not None else ()

    async def next(self) -> Sequence[Step]:
        """The next steps; empty at the end of a finished answer. Raises ProviderError when no target can go on."""
        while not self._ended:
            try:
                steps = await self._live.next()
                self._ended = not steps
                if self._seam is not None:
                    steps = self._stitched(self._seam, steps)
            except ProviderError as error:
                self._asking.broke(self.target, error)
                await self._take_over(error)
                continue
            if steps and self._transcript is not None:
                self._transcript.note(steps, self._live.came)
            if steps:
                return steps
        return ()

    async def release(self) -> None:
        """The answer is out: give its connection back to the pool."""
        await self._live.release()

    def close(self) -> None:
        """Leave the provider; safe to call twice."""
        self._live.close()

    def _stitched(self, seam: Seam, steps: Sequence[Step]) -> Sequence[Step]:
        """The steps without what the caller already has; empty at the end, and while the two texts are compared."""
        try:
            passed = seam.through(steps) if steps else seam.end()
        except Diverged as error:
            self._ended = False
            raise ProviderError(
                FailureKind.CUT, f"{self.target.name} went on with another answer than the one that broke off."
            ) from error
        return [named for step in passed if (named := self._renamed(step)) is not None]

    async def _take_over(self, error: ProviderError) -> None:
        """Have the next target go on. Raises `error` again when none can."""
        self._live.close()
        said = self._transcript.said() if self._transcript is not None and error.kind not in _NOT_RESCUED else None
        if said is None:
            raise error
        for target, way in self._ways:
            if self._asking.attempts_left <= 0:
                break
            call = self._asking.call if way is Way.REPEATS else _prefilled(self._asking.call, said.text)
            if call is None:
                continue
            try:
                served = await self._asking.take_over(call, target)
            except ProviderError as refused:
                if refused.kind in _NOT_RESCUED:
                    break
                continue
            if served.stream is not None:
                self.target, self._live, self._said = target, served.stream, said
                self.native = served.stream.native
                self._seam = Seam(said.text, way)
                return
        raise error

    def _remaining(self) -> Iterator[tuple[Target, Way]]:
        for target in self._asking.others:
            if target.prefill is not False:
                yield target, Way.CONTINUES if target.prefill else Way.EITHER
            yield target, Way.REPEATS

    def _renamed(self, step: Step) -> Step | None:
        """The step under the first answer's id, without a second `role`; None when nothing is left of it."""
        chunk = step.chunk
        if chunk is None or self._said is None:
            return step
        if self._said.chunks:
            chunk["id"], chunk["created"] = self._said.chunks[0]["id"], self._said.chunks[0]["created"]
        for choice in chunk["choices"]:
            choice["delta"].pop("role", None)
        empty = all(not any(choice["delta"].values()) and not choice["finish_reason"] for choice in chunk["choices"])
        return None if empty and not step.usage and not step.end else step


def _prefilled(call: Call, text: str) -> Call | None:
    """The call with the answer so far as the assistant's last message; None where that is not possible."""
    said = text.rstrip()
    messages = call.canon.get("messages")
    if not said or not is_array(messages) or not messages:
        return None
    last: object = messages[-1]
    if is_object(last) and last.get("role") == "assistant":
        return None  # the caller has a prefill of its own: the answer is begun anew instead
    turn: Json = {"role": "assistant", "content": said}
    canon: Json = {**call.canon, "messages": [*messages, turn]}
    if call.dialect is Dialect.RESPONSES:
        return msgspec.structs.replace(call, canon=canon)
    return msgspec.structs.replace(call, canon=canon, body={**call.body, "messages": [*call.body["messages"], turn]})
