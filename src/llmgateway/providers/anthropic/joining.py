"""Joins the events of a Messages stream into the message of a whole answer, with all fields that only Anthropic has.

Page: https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from collections.abc import Sequence

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import figure_of, is_object, object_in, text_of, without_nulls
from llmgateway.kit.sse import Splitter
from llmgateway.providers.anthropic.stream import GrowingBlock
from llmgateway.providers.base import Step
from llmgateway.providers.lenient_json import LenientReader

_PIECES = ("text", "thinking", "partial_json")


def joined(steps: Sequence[Step]) -> bytes:
    """The body of the whole answer, out of the steps of a native stream that has finished."""
    message, reader = _Message(), LenientReader()
    for frame in Splitter().feed(b"".join([step.raw for step in steps])):
        if frame.data:
            reader.read(frame.data, message.add)
    return message.body()


class _Message:
    """The message, as far as its events have come."""

    def __init__(self) -> None:
        self._said: Json = {}
        self._blocks: dict[int, GrowingBlock] = {}

    def add(self, data: bytes) -> Sequence[Step]:
        """Add the JSON of one event. Returns no steps."""
        event: object = msgspec.json.decode(data)
        if not is_object(event):
            return ()
        index = figure_of(event.get("index")) or 0
        match event.get("type"):
            case "message_start":
                self._said = object_in(event, "message")
            case "content_block_start":
                self._blocks[index] = GrowingBlock(object_in(event, "content_block"), 0, 0)
            case "content_block_delta" if index in self._blocks:
                _grow(self._blocks[index], object_in(event, "delta"))
            case "message_delta":
                self._end(event)
            case _:
                pass  # pings, ends of blocks, and kinds that came later
        return ()

    def body(self) -> bytes:
        """The body of the whole answer."""
        content = [self._blocks[index].whole() for index in sorted(self._blocks)]
        return msgspec.json.encode({**self._said, "content": content} if self._said else {})

    def _end(self, event: Json) -> None:
        """Add a `message_delta`: the stop reason, and usage whose later counts replace earlier ones."""
        beside = {name: value for name, value in event.items() if name not in {"type", "delta", "usage"}}
        usage = {**object_in(self._said, "usage"), **without_nulls(object_in(event, "usage"))}
        self._said |= {**object_in(event, "delta"), **beside, "usage": usage}


def _grow(block: GrowingBlock, delta: Json) -> None:
    for name, value in delta.items():
        if name in _PIECES:
            block.pieces.append(text_of(value))
        elif name == "signature":
            block.signature += text_of(value)
        elif name == "citation" and is_object(value):
            block.citations.append(value)
        elif name != "type":  # of a kind that came later: texts grow, all else is said anew
            before = block.start.get(name)
            block.start[name] = text_of(before) + value if isinstance(value, str) else value
