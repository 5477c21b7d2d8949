"""What is stored in the account that organisations share is nobody's of them."""

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.canon.stored import stored_objects
from llmgateway.errors import Forbidden
from tests.dataplane.routing import Routing, chat, key

PICTURE = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
STORED: dict[str, tuple[Dialect, Json, str]] = {
    "a conversation": (Dialect.RESPONSES, {"input": "hi", "conversation": "conv_1"}, "conversation"),
    "a prompt": (Dialect.RESPONSES, {"input": "hi", "prompt": {"id": "pmpt_1"}}, "prompt"),
    "a vector store": (
        Dialect.RESPONSES,
        {"input": "hi", "tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        "tools.0.vector_store_ids",
    ),
    "files of a container": (
        Dialect.RESPONSES,
        {"input": "hi", "tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file_1"]}}]},
        "tools.0.container.file_ids",
    ),
    "a file of a response": (
        Dialect.RESPONSES,
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
        "input.0.content",
    ),
    "a file of a chat": (
        Dialect.OPENAI,
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]}]},
        "messages.0.content",
    ),
    "a document of Claude's": (
        Dialect.ANTHROPIC,
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "f"}}]}]},
        "messages.0.content",
    ),
}


@pytest.mark.parametrize(("dialect", "body", "param"), STORED.values(), ids=STORED)
def test_what_is_stored_in_the_account_of_all_is_nobodys_who_pays(dialect: Dialect, body: Json, param: str) -> None:
    call = replace(chat(), dialect=dialect, body=body)
    paying = key(org=replace(key().org, charged=True))
    with pytest.raises(Forbidden, match="Send the content itself") as refused:
        Routing().plan(call, paying)
    assert (refused.value.code, refused.value.param) == ("stored_object", param)
    assert stored_objects(call) == [param]


def test_what_an_answer_gave_and_what_is_sent_is_nothing_stored() -> None:
    part = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}}
    sent = chat(messages=[{"role": "user", "content": [part, *PICTURE]}])
    auto = {"type": "code_interpreter", "container": {"type": "auto"}}
    went_on: Json = {
        "previous_response_id": "resp_1",
        "input": [{"type": "item_reference", "id": "x"}],
        "tools": [auto],
    }
    for call in (sent, replace(chat(), dialect=Dialect.RESPONSES, body=went_on)):
        assert stored_objects(call) == []
