"""Whatever chunks come, the events of a Messages stream are well formed and lose no text."""

from itertools import groupby
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect

CALL = Call(operation=Operation.CHAT, dialect=Dialect.ANTHROPIC, model="m", stream=True, body={}, canon={})
PIECES = st.text(max_size=4)


def tool_call(index: int, name: str, piece: str) -> Json:
    return {"index": index, "id": f"t{index}", "function": {"name": name, "arguments": piece}}


UNFINISHED = st.text(st.characters(exclude_characters="}"), max_size=4)
"""Behind whole arguments nothing more is expected."""
CALLS = st.builds(tool_call, st.integers(0, 2), st.sampled_from(["f", "g"]), UNFINISHED)
DELTAS: st.SearchStrategy[Json] = st.one_of(
    st.fixed_dictionaries({"content": PIECES}),
    st.fixed_dictionaries({"refusal": PIECES}),
    st.fixed_dictionaries({"reasoning_content": PIECES}),
    st.fixed_dictionaries({"tool_calls": st.lists(CALLS, max_size=2)}),
    st.just({"thinking_blocks": [{"type": "redacted_thinking", "data": "x"}]}),
    st.just({"provider_blocks": [{"type": "server_tool_use", "id": "s", "name": "n", "input": {"q": 1}}]}),
    st.just({"provider_blocks": [{"type": "text", "text": "x"}]}),
    st.just({"role": "assistant", "content": None}),
)


def chunk(delta: Json, finish: str | None = None) -> Any:
    choice: Json = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def events(body: bytes) -> list[Json]:
    found: list[Json] = []
    for frame in body.split(b"\n\n")[:-1]:
        name, data = frame.split(b"\n", 1)
        event: Json = msgspec.json.decode(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        found.append(event)
    return found


@given(deltas=st.lists(DELTAS, max_size=12))
def test_any_chunks_make_a_well_formed_stream(deltas: list[Json]) -> None:
    writer = AnthropicDialect().stream(CALL)
    body = writer.open() + b"".join(writer.chunk(chunk(delta)) for delta in deltas)
    found = events(body + writer.chunk(chunk({}, "stop")) + writer.close(Usage(prompt_tokens=1)))
    kinds = [event["type"] for event in found]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    starts = [event["index"] for event in found if event["type"] == "content_block_start"]
    assert starts == list(range(len(starts)))
    assert [event["index"] for event in found if event["type"] == "content_block_stop"] == starts
    opened = [kind for kind, _ in groupby(kinds) if kind in {"content_block_start", "content_block_stop"}]
    assert opened == ["content_block_start", "content_block_stop"] * len(starts)
    check_places(found)
    check_pieces(found, deltas)


def test_pieces_of_several_calls_by_turns_are_one_block_after_the_other() -> None:
    pieces = [(0, '{"a":'), (1, '{"b":'), (2, ""), (0, "1"), (1, "2}"), (0, "}"), (2, '{"c":'), (2, "3}")]
    writer = AnthropicDialect().stream(CALL)
    body = b"".join(writer.chunk(chunk({"tool_calls": [tool_call(n, f"f{n}", piece)]})) for n, piece in pieces)
    body += writer.chunk(chunk({"content": "Done."}))
    found = events(body + writer.close(Usage(prompt_tokens=1)))
    check_places(found)
    said = ["", "", "", ""]
    for event in found:
        if event["type"] == "content_block_delta":
            said[event["index"]] += event["delta"].get("partial_json") or event["delta"]["text"]
    assert said == ['{"a":1}', '{"b":2}', '{"c":3}', "Done."]
    assert [e["content_block"].get("name") for e in found if e["type"] == "content_block_start"] == [
        "f0", "f1", "f2", None,
    ]  # fmt: skip


def test_a_call_that_is_whole_goes_out_before_the_stream_ends() -> None:
    writer = AnthropicDialect().stream(CALL)
    writer.chunk(chunk({"tool_calls": [tool_call(0, "f", "{"), tool_call(1, "g", "{}")]}))
    found = events(writer.chunk(chunk({"tool_calls": [tool_call(0, "", "}")]})))
    assert [event["type"].removeprefix("content_block_") for event in found] == ["delta", "stop", "start", "delta"]
    assert found[2]["content_block"]["name"] == "g"


def check_places(found: list[Json]) -> None:
    """Each piece belongs to the block that is open."""
    opened: int | None = None
    for event in found:
        if event["type"] == "content_block_start":
            opened = event["index"]
        elif event["type"] == "content_block_delta":
            assert event["index"] == opened
        elif event["type"] == "content_block_stop":
            assert event["index"] == opened
            opened = None


def check_pieces(found: list[Json], deltas: list[Json]) -> None:
    """All text, thinking and arguments went out, in their order."""
    written = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    for field, kind, part in (
        ("content", "text_delta", "text"),
        ("refusal", "text_delta", "text"),
        ("reasoning_content", "thinking_delta", "thinking"),
    ):
        said = [delta[field] for delta in deltas if delta.get(field)]
        rest = iter(delta[part] for delta in written if delta["type"] == kind)
        assert all(piece in rest for piece in said)
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    arguments = "".join(call["function"]["arguments"] for call in calls)
    server = sum(1 for delta in deltas for block in delta.get("provider_blocks", ()) if block["type"] != "text")
    sent = "".join(delta["partial_json"] for delta in written if delta["type"] == "input_json_delta")
    assert len(sent) == len(arguments) + server * len('{"q":1}')
