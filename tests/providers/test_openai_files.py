"""Files as the hosts of OpenAI's wire read them: named, by an address where that is fetched, and as Mistral's own parts."""

import json
from typing import Any

import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.providers.azure.declaration import AZURE
from llmgateway.providers.hosts.mistral import MISTRAL
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.hosts.openrouter import OPENROUTER
from llmgateway.providers.openai_compatible import OpenAICompatible
from tests.providers.calls import sent
from tests.providers.openai_building import LAB, PLACE

PDF = "data:application/pdf;base64,JVBERg=="
ADDRESS = "https://example.org/a.pdf"
HELD: Json = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
FETCHED: Json = {"type": "url", "url": ADDRESS}


def of_messages(source: Json, **more: Any) -> Call:
    document: Json = {"type": "document", "source": source, **more}
    body: Json = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [document]}]}
    return AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


def of_responses(**file: Any) -> Call:
    part: Json = {"type": "input_file", **file}
    body: Json = {"model": "m", "input": [{"role": "user", "content": [part]}]}
    return ResponsesDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


def of_chat(**file: Any) -> Call:
    part: Json = {"type": "file", "file": file}
    body: Json = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "Read."}, part]}]}
    return OpenAIDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


def part(call: Call, host: OpenAICompatible) -> Json:
    found: Json = sent(host.build(call, PLACE))["messages"][-1]["content"][-1]
    return found


@pytest.mark.parametrize("host", [OPENAI, LAB, OPENROUTER], ids=lambda host: host.id)
def test_a_file_without_a_name_gets_one(host: OpenAICompatible) -> None:
    """OpenAI answers 400 `missing_required_parameter` (of `file_id`) where a file has no name."""
    assert part(of_messages(HELD), host)["file"] == {"filename": "document.pdf", "file_data": PDF}
    assert part(of_messages(HELD, title="bill.pdf"), host)["file"] == {"filename": "bill.pdf", "file_data": PDF}


def test_what_chat_does_not_know_of_a_file_stays_behind() -> None:
    text = "data:text/plain;base64,aGk="
    said = part(of_responses(file_data=text, detail="high"), LAB)
    assert said == {"type": "file", "file": {"filename": "document.txt", "file_data": text}}


@pytest.mark.parametrize("host", [OPENAI, AZURE, LAB], ids=lambda host: host.id)
def test_a_file_at_an_address_is_refused_where_chat_fetches_none(host: OpenAICompatible) -> None:
    assert list(host.refuses(of_messages(FETCHED), "gpt-5")) == ["messages.0.content.0"]


def test_openrouter_fetches_a_file_from_its_address() -> None:
    call = of_messages(FETCHED)
    assert list(OPENROUTER.refuses(call, "m")) == []
    assert part(call, OPENROUTER)["file"] == {"filename": "document", "file_data": ADDRESS}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (of_messages(HELD), {"document_url": PDF}),
        (of_messages(FETCHED, title="a.pdf"), {"document_url": ADDRESS, "document_name": "a.pdf"}),
        (of_responses(file_url=ADDRESS), {"document_url": ADDRESS}),
        (of_chat(file_data=PDF, filename="a.pdf"), {"document_url": PDF, "document_name": "a.pdf"}),
    ],
)
def test_mistral_has_parts_of_its_own_for_files(call: Call, told: Json) -> None:
    assert list(MISTRAL.refuses(call, "m")) == []
    assert part(call, MISTRAL) == {"type": "document_url", **told}


def test_a_file_that_mistral_holds_is_left_as_it_is() -> None:
    assert part(of_chat(file_id="f"), MISTRAL) == {"type": "file", "file": {"file_id": "f"}}


def test_a_caller_of_chat_has_its_files_sent_as_they_are() -> None:
    for host in (OPENAI, LAB):
        assert part(of_chat(file_data=PDF), host)["file"] == {"file_data": PDF}
