"""Recorded answers through canon and back: the official SDK reads what the provider said."""

from typing import Any, cast

import msgspec
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.base import UpstreamReply
from tests.providers.anthropic_recordings import Recording, accumulated, each, events, final_message, recordings

DIALECT = AnthropicDialect()
GOOD = [r for r in recordings() if r.status == 200]
BETA_BLOCKS = {"mcp_tool_use", "mcp_tool_result", "advisor_tool_result"}
"""The SDK's stable types do not know them: there our own reader adds up."""
EVENTS: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def call(operation: Operation = Operation.CHAT, dialect: Dialect = Dialect.OPENAI) -> Call:
    return Call(operation=operation, dialect=dialect, model="asked-for", stream=True, body={}, canon={})


def sdk_message(written: bytes) -> Json:
    """The message as the official SDK adds it up, every event checked against its types."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events(written):
        if event["type"] == "ping":
            continue
        parsed = EVENTS.validate_python(event)
        snapshot = accumulate_event(event=parsed, current_snapshot=snapshot, json_bufs=buffers)
    return cast("Json", snapshot.to_dict())


def check_protocol(written: bytes) -> None:
    """Blocks come one after the other, each started and stopped, between message_start and message_stop."""
    kinds = [(event["type"], event.get("index")) for event in events(written)]
    assert kinds[0][0] == "message_start"
    assert [kind for kind, _ in kinds[-2:]] == ["message_delta", "message_stop"]
    opened = -1
    for kind, index in kinds[1:-2]:
        if kind == "content_block_start":
            opened += 1
        assert index == opened
    starts = [index for kind, index in kinds if kind == "content_block_start"]
    assert [index for kind, index in kinds if kind == "content_block_stop"] == starts


def told(block: Json) -> Json:
    """A block without the fields that carry nothing."""
    kept = {name: value for name, value in block.items() if value not in (None, [], {}, "")}
    return {name: value for name, value in kept.items() if (name, value) != ("caller", {"type": "direct"})}


def check_same(written: Json, recorded: Json) -> None:
    assert written["id"] == recorded["id"]
    assert [told(block) for block in objects(written["content"])] == [told(b) for b in merged(recorded["content"])]
    assert written["stop_reason"] == recorded["stop_reason"]
    assert written["stop_sequence"] == recorded["stop_sequence"]
    if not recorded["usage"].get("iterations"):
        for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
            assert (written["usage"].get(name) or 0) == (recorded["usage"].get(name) or 0), name


def merged(blocks: list[Json]) -> list[Json]:
    """Without empty texts: nobody can tell them from nothing."""
    return [block for block in blocks if block != {"type": "text", "text": ""}]


@each([r for r in GOOD if not r.stream])
def test_a_recorded_answer_survives_canon_whole(recording: Recording) -> None:
    answer = ANTHROPIC.read(call(), UpstreamReply(200, recording.headers, recording.body))
    written: Json = msgspec.json.decode(DIALECT.answer(call(), answer))
    Message.model_validate(written)
    check_same(written, recording.whole)


@each([r for r in GOOD if r.stream])
def test_a_recorded_stream_survives_canon_whole(recording: Recording) -> None:
    decoder = ANTHROPIC.decoder(call(), native=False)
    writer = DIALECT.stream(call())
    written, usage = writer.open(), None
    for step in [*decoder.feed(recording.body), *decoder.close()]:
        usage = step.usage or usage
        if step.chunk:
            written += writer.chunk(step.chunk)
    written += writer.close(usage)
    check_protocol(written)
    recorded = final_message(recording)
    beta = any(block["type"] in BETA_BLOCKS for block in recorded["content"])
    check_same(accumulated(events(written)) if beta else sdk_message(written), recorded)
