"""What server tools did goes back to their maker as it came, and to all others in words."""

import json

import pytest

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from tests.conformance.dialects import CLIENTS
from tests.conformance.targets import Target, those_with

MESSAGES = CLIENTS[1]
CHATS = those_with(Operation.CHAT)
EACH = pytest.mark.parametrize("target", CHATS, ids=lambda target: target.name)
RAN: list[Json] = [
    {"type": "text", "text": "I will look."},
    {"type": "server_tool_use", "id": "s1", "name": "bash_code_execution", "input": {"command": "cat key"}},
    {
        "type": "bash_code_execution_tool_result",
        "tool_use_id": "s1",
        "content": {"type": "bash_code_execution_result", "stdout": "SECRET42", "stderr": "", "return_code": 0},
    },
    {"type": "text", "text": "Done"},
    {"type": "text", "text": ", as you see."},
]
SEARCHED: list[Json] = [
    {"type": "server_tool_use", "id": "s2", "name": "web_search", "input": {"query": "otters"}},
    {
        "type": "web_search_tool_result",
        "tool_use_id": "s2",
        "content": [
            {
                "type": "web_search_result",
                "url": "https://example.org/otters",
                "title": "All otters",
                "encrypted_content": "SEALED",
            }
        ],
    },
]
REDACTED: Json = {
    "type": "advisor_tool_result",
    "content": {"type": "advisor_redacted_result", "encrypted_content": "SEALED"},
}


def sent(target: Target, blocks: list[Json]) -> Json:
    """The body of a provider's next turn, after what it refuses was left out."""
    history = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": blocks}]
    messages = [*history, {"role": "user", "content": "What was printed?"}]
    call = MESSAGES.call({"model": "a-model", "max_tokens": 9, "messages": messages})
    dropped = frozenset(target.provider.refuses(call, target.model))
    body: Json = json.loads(target.provider.build(call, target.place(dropped=dropped)).body)
    if target.provider.speaks(call):
        assert (dropped, body["messages"][1]["content"]) == (frozenset(), blocks)
    return body


@EACH
def test_what_a_tool_did_is_told_between_the_texts_around_it(target: Target) -> None:
    text = json.dumps(sent(target, RAN))
    told = [r"I will look.", r"[bash_code_execution] {\"command\":\"cat key\"}", "SECRET42", "Done"]
    if "server_tool_use" not in text:
        assert r"\n\n".join(told[:2]) in text
        assert r"[bash_code_execution_tool_result]\nSECRET42\n\nDone, as you see." in text
    assert "SECRET42" in text


@EACH
def test_a_search_is_told_with_its_addresses_and_without_what_is_encrypted(target: Target) -> None:
    text = json.dumps(sent(target, SEARCHED))
    if "server_tool_use" not in text:
        assert r"[web_search_tool_result]\nAll otters https://example.org/otters" in text
        assert "SEALED" not in text


@EACH
def test_what_has_no_words_is_left_out_and_named(target: Target) -> None:
    call = MESSAGES.call(
        {
            "model": "a-model",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": [REDACTED]}],
        }
    )
    native = target.provider.speaks(call)
    assert list(target.provider.refuses(call, target.model)) == ([] if native else ["server_tools.advisor_tool_result"])
    assert native == ("SEALED" in json.dumps(sent(target, [*RAN, REDACTED])))


RESPONSES = CLIENTS[2]
SEARCH: Json = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "otters", "sources": [{"type": "url", "url": "https://example.org/otters"}]},
}
CODE: Json = {
    "type": "code_interpreter_call",
    "id": "ci_1",
    "status": "completed",
    "container_id": "cntr_1",
    "code": "print(key)",
    "outputs": [{"type": "logs", "logs": "SECRET42"}],
}
LISTED: Json = {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "dice", "tools": []}
PICTURE: Json = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA"}


@EACH
def test_items_of_openais_tools_are_told_to_those_that_do_not_know_them(target: Target) -> None:
    said: Json = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "There."}]}
    items = [{"role": "user", "content": "What?"}, SEARCH, CODE, LISTED, said, {"role": "user", "content": "And?"}]
    call = RESPONSES.call({"model": "a-model", "input": items})
    refused = target.provider.refuses(call, target.model)
    body: Json = json.loads(target.provider.build(call, target.place(dropped=frozenset(refused))).body)
    if target.provider.speaks(call):
        assert (list(refused), body["input"]) == ([], items)
        return
    assert list(refused) == ["server_tools.mcp_list_tools"]
    text = json.dumps(body)
    assert r"[web_search_call]\notters\nhttps://example.org/otters" in text
    assert r"[code_interpreter_call]\nprint(key)\nSECRET42" in text
    assert "There." in text


@EACH
def test_a_picture_of_openais_tools_is_refused_by_name(target: Target) -> None:
    call = RESPONSES.call({"model": "a-model", "input": [{"role": "user", "content": "What?"}, PICTURE]})
    assert list(target.provider.refuses(call, target.model)) == ([] if target.provider.speaks(call) else ["input[1]"])
