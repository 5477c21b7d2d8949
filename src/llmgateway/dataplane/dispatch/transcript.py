"""What a running answer has said so far, so that another target can go on from there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import ChatChunk
from llmgateway.canon.shapes import is_object
from llmgateway.dataplane.plan.targets import Target
from llmgateway.providers.base import Step

_MOST_BYTES = 1 << 20
"""Bytes of native frames that are kept."""
_MOST_TRANSLATED = 8 << 20
"""Bytes of a stream of which chunks were made, and how many these may be: each takes much more room than it has bytes."""
_MOST_CHUNKS = 20_000
_ENDS_IT = ("tool_calls", "provider_blocks", "refusal", "annotations")
"""Fields of a delta after which no other target can go on."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the caller has of the answer so far."""

    text: str
    chunks: Sequence[ChatChunk]


class Transcript:
    """Remembers what went to the caller. Native frames are kept as they came, and decoded only if another target must go on."""

    __slots__ = ("_call", "_chunks", "_frames", "_native", "_target", "_too_long")

    def __init__(self, call: Call, target: Target, *, native: bool) -> None:
        self._call = call
        self._target = target
        self._native = native
        self._frames: list[bytes] = []
        self._chunks: list[ChatChunk] = []
        self._too_long = False

    def note(self, steps: Iterable[Step], came: int) -> None:
        """Add steps that go to the caller now; `came` is how many bytes of the stream have arrived so far."""
        if self._too_long:
            return
        for step in steps:
            if self._native:
                self._frames.append(step.raw)
            elif step.chunk is not None:
                self._chunks.append(step.chunk)
        if came > (_MOST_BYTES if self._native else _MOST_TRANSLATED) or len(self._chunks) > _MOST_CHUNKS:
            self._too_long = True
            self._frames.clear()
            self._chunks.clear()

    def said(self) -> Said | None:
        """What the caller has; None when no other target can go on after it. From now on canonical chunks are kept."""
        if self._native:
            decoder = self._target.provider.rereads(self._call)
            steps = [step for frame in self._frames for step in decoder.feed(frame)]
            self._chunks = [step.chunk for step in steps if step.chunk is not None]
            self._native = False
        pieces: list[str] = []
        for chunk in self._chunks:
            for choice in chunk["choices"]:
                delta = cast("Mapping[str, Any]", choice.get("delta") or {})
                if choice.get("finish_reason") or any(delta.get(name) for name in _ENDS_IT) or _signed(delta):
                    return None
                pieces.append(delta.get("content") or "")
        return None if self._too_long else Said("".join(pieces), tuple(self._chunks))


def can_be_rescued(call: Call, target: Target) -> bool:
    """Whether another target could go on with an answer to this call at all."""
    body = call.canon
    form = body.get("response_format")
    return (
        call.operation is Operation.CHAT
        and body.get("n") in (None, 1)
        and not body.get("logprobs")
        and not (is_object(form) and form.get("type") == "json_schema")
        and not (call.dialect is Dialect.RESPONSES and target.provider.speaks(call))
    )


def _signed(delta: Mapping[str, Any]) -> bool:
    """Whether the delta holds thinking that its provider signed, which no other provider takes back."""
    return any(block.get("signature") or block.get("data") for block in delta.get("thinking_blocks") or ())
