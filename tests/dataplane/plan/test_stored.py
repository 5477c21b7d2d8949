"""What is stored in the account that organisations share is nobody's of them."""

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.canon.stored import stored_objects
from llmgateway.contract.snapshot import KeySnapshot, SealedCredential
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
    "a picture among a tool's results": (
        Dialect.ANTHROPIC,
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}],
                        }
                    ],
                }
            ]
        },
        "messages.0.content",
    ),
    "a skill of Claude's": (
        Dialect.ANTHROPIC,
        {"messages": [], "container": {"skills": [{"type": "custom", "skill_id": "skill_1"}]}},
        "container.skills",
    ),
    "a file that a tool gave": (
        Dialect.RESPONSES,
        {
            "input": [
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [{"type": "input_file", "file_id": "file_1"}],
                }
            ]
        },
        "input.0.output",
    ),
    "a screenshot": (
        Dialect.RESPONSES,
        {
            "input": [
                {
                    "type": "computer_call_output",
                    "call_id": "c",
                    "output": {"type": "computer_screenshot", "file_id": "file_1"},
                }
            ]
        },
        "input.0.output",
    ),
    "a mask": (
        Dialect.RESPONSES,
        {"input": "hi", "tools": [{"type": "image_generation", "input_image_mask": {"file_id": "file_1"}}]},
        "tools.0.input_image_mask.file_id",
    ),
    "skills of a shell": (
        Dialect.RESPONSES,
        {
            "input": "hi",
            "tools": [{"type": "shell", "environment": {"skills": [{"type": "skill_reference", "skill_id": "s"}]}}],
        },
        "tools.0.environment.skills",
    ),
    **{
        f"an address of the account's, {address}": (
            Dialect.OPENAI,
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": address}}]}]},
            "messages.0.content",
        )
        for address in (
            "gs://bucket/a.png",
            "s3://bucket/a.png",
            "https://generativelanguage.googleapis.com/v1beta/files/a",
            "https://GenerativeLanguage.googleapis.com:443/v1beta/files/a",
            "http://generativelanguage.googleapis.com/v1beta/files/a",
            "https://me@generativelanguage.googleapis.com/v1beta/files/a",
        )
    },
    "a document's address": (
        Dialect.ANTHROPIC,
        {
            "messages": [
                {"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "gs://b/a.pdf"}}]}
            ]
        },
        "messages.0.content",
    ),
    "a picture's address in a response": (
        Dialect.RESPONSES,
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "s3://bucket/a.png"}]}]},
        "input.0.content",
    ),
    "a file's address in a response": (
        Dialect.RESPONSES,
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "gs://bucket/a.pdf"}]}]},
        "input.0.content",
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
    elsewhere = {"type": "image_url", "image_url": {"url": "https://example.com/gs://a"}}
    sent = chat(messages=[{"role": "user", "content": [part, elsewhere, *PICTURE]}])
    auto = {"type": "code_interpreter", "container": {"type": "auto"}}
    shell = {"type": "shell", "environment": {"skills": [{"type": "inline", "name": "s", "source": {"data": "AA=="}}]}}
    went_on: Json = {
        "previous_response_id": "resp_1",
        "input": [{"type": "item_reference", "id": "x"}],
        "tools": [auto, shell],
    }
    made = {"type": "code_execution_result", "content": [{"type": "code_execution_output", "file_id": "f"}]}
    used: Json = {
        "container": {"id": "container_1", "skills": [{"type": "anthropic", "skill_id": "pdf"}]},
        "messages": [
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "t", "name": "read", "input": {"file_id": "f", "url": "gs://a"}},
                    {"type": "code_execution_tool_result", "tool_use_id": "t", "content": made},
                ],
            }
        ],
    }
    responses = replace(chat(), dialect=Dialect.RESPONSES, body=went_on)
    for call in (sent, responses, replace(chat(), dialect=Dialect.ANTHROPIC, body=used)):
        assert stored_objects(call) == []


@pytest.mark.parametrize("asking", [key(), key(test=True, org=replace(key().org, charged=True))])
def test_who_pays_the_provider_alone_or_asks_the_sandbox_may_name_what_is_stored(asking: KeySnapshot) -> None:
    named = chat("openai/gpt-4.1", [{"type": "file", "file": {"file_id": "file_1"}}])
    assert Routing().names(named, asking)


def test_what_is_stored_in_an_organisations_own_account_is_asked_for_there_alone() -> None:
    own = SealedCredential(id="cred_1", provider="anthropic", sealed=b"s")
    paying = key(org=replace(key().org, charged=True, credentials=(own,), data_key=b"k"))
    named = chat("smart", [{"type": "file", "file": {"file_id": "file_1"}}])
    sealed = [
        [target.credential.sealed is not None for target in Routing().plan(c, paying).targets] for c in (chat(), named)
    ]
    assert sealed == [[False, True, False], [True]]
