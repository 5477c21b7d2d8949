"""Requests of the Messages API through canon and back keep their meaning."""

from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from llmgateway.canon.call import Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.errors import BadRequest
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from tests.providers.anthropic_building import MODEL, built
from tests.providers.anthropic_recordings import Recording, each, recordings
from tests.providers.calls import chat

THINKING: Json = {"type": "thinking", "thinking": "hm", "signature": "sig"}
WORDS = st.text(min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
JSON_OBJECTS = st.dictionaries(WORDS, st.integers() | st.text(max_size=5) | st.booleans(), max_size=3)
TEXT_BLOCKS: st.SearchStrategy[Json] = st.fixed_dictionaries({"type": st.just("text"), "text": WORDS})
TOOL_TURNS = st.lists(st.tuples(WORDS, JSON_OBJECTS, WORDS), min_size=1, max_size=3)


@given(system=WORDS, asked=st.lists(TEXT_BLOCKS, min_size=2, max_size=3), turns=TOOL_TURNS, said=WORDS)
def test_a_messages_history_survives_canon(
    system: str, asked: list[Json], turns: list[tuple[str, Json, str]], said: str
) -> None:
    uses = [
        {"type": "tool_use", "id": f"t{i}", "name": name, "input": value} for i, (name, value, _) in enumerate(turns)
    ]
    results = [{"type": "tool_result", "tool_use_id": f"t{i}", "content": text} for i, (_, _, text) in enumerate(turns)]
    body: Json = {
        "model": "m",
        "max_tokens": 9,
        "system": system,
        "messages": [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": [THINKING, {"type": "text", "text": said}, *uses]},
            {"role": "user", "content": [*results, *asked]},
        ],
    }
    read = AnthropicDialect().read(Operation.CHAT, msgspec.json.encode(body), Wishes())
    assert built(read.canon) == {**body, "model": MODEL}


def comparable(body: Json) -> Json:
    """A recorded body up to what canon may write in another way with the same meaning."""
    kept = {name: value for name, value in body.items() if name not in {"model", "stream", "output_format", "tools"}}
    if body.get("output_format"):
        kept["output_config"] = {**kept.get("output_config", {}), "format": body["output_format"]}
    kept["tools"] = [without("", None, block=tool) for tool in objects(body.get("tools"))]
    kept["tool_choice"] = without(False, block=body.get("tool_choice") or {})
    kept["system"] = blocks_of(body.get("system"))
    turns: list[Json] = []
    for turn in body["messages"]:
        if turns and turns[-1]["role"] == turn["role"]:
            turns[-1]["content"] += blocks_of(turn["content"])
        else:
            turns.append({"role": turn["role"], "content": blocks_of(turn["content"])})
    kept["messages"] = turns
    return kept


def blocks_of(value: Any) -> list[Json]:
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    found = [without(False, block=block) for block in objects(value)]
    for block in found:
        if block["type"] == "tool_result":
            block["content"] = blocks_of(block.get("content"))
    return found


def without(*values: object, block: Json) -> Json:
    return {name: value for name, value in block.items() if not any(value is absent for absent in values)}


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["text", "function", "user", "assistant", "none"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "role", "content", "function", "tool_calls", "id", "name", "image_url"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
FIELDS = [
    "messages",
    "tools",
    "tool_choice",
    "thinking",
    "reasoning_effort",
    "response_format",
    "stop",
    "temperature",
    "top_p",
    "max_tokens",
    "metadata",
    "service_tier",
    "user",
]


@example(field="messages", value=[{"role": [], "name": "who"}], model=MODEL)
@given(field=st.sampled_from(FIELDS), value=ANYTHING, model=st.sampled_from([MODEL, "claude-opus-5", "claude-3-haiku"]))
def test_no_canon_body_is_worse_than_refused(field: str, value: Any, model: str) -> None:
    paths = ANTHROPIC.refuses(chat({field: value}), model)
    assert all(path.startswith(field) for path in paths)
    with suppress(BadRequest):
        built({field: value}, model)
    with suppress(BadRequest):
        built({field: value}, model, dropped=frozenset(paths))


@each([r for r in recordings() if r.status == 200])
def test_a_recorded_request_survives_canon(recording: Recording) -> None:
    recorded = {name: value for name, value in recording.request.items() if name != "anthropic_version"}
    read = AnthropicDialect().read(Operation.CHAT, msgspec.json.encode(recorded), Wishes())
    refused = ANTHROPIC.refuses(chat(read.canon), recorded["model"])
    if any(turn["role"] == "system" for turn in recorded["messages"]):
        assert refused  # blocks that only a native turn can carry
        return
    assert refused == []
    assert comparable(built(read.canon, recorded["model"])) == comparable(recorded)
