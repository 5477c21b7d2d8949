"""What Cohere cites, as annotations: whole and streamed alike."""

from typing import Any

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.cohere.declaration import COHERE
from tests.providers.calls import chat
from tests.providers.cohere_building import event
from tests.providers.streams import completion, decoded


def cited(**more: Any) -> Json:
    data = {"url": "https://x.test/", "title": "X"}
    source = {"type": "document", "id": "d", "document": data}
    return {"start": 1, "end": 2, "text": "b", "sources": [source], "type": "TEXT_CONTENT", **more}


PLACED: Json = {"url": "https://x.test/", "title": "X", "start_index": 3, "end_index": 4}


def test_citations_of_addresses_become_annotations_at_their_place_in_the_text() -> None:
    blocks = [{"type": "text", "text": "ab"}, {"type": "thinking", "thinking": "?"}, {"type": "text", "text": "cd"}]
    message = {"content": blocks, "citations": [cited(content_index=2), cited(type="PLAN")]}
    body = msgspec.json.encode({"message": message, "finish_reason": "COMPLETE"})
    answer = COHERE.read(chat({}), UpstreamReply(200, {}, body))
    assert answer.body["choices"][0]["message"]["annotations"] == [{"type": "url_citation", "url_citation": PLACED}]
    assert answer.usage is None


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ({"type": "tool", "id": "https://x.test/", "tool_output": {"text": "x"}}, "https://x.test/"),
        ({"type": "tool", "id": "c1:0", "tool_output": {"url": "https://x.test/", "title": ""}}, "https://x.test/"),
        ({"type": "document", "id": "doc:0", "document": {"title": "X", "text": "x"}}, None),
        ({"type": "tool", "id": "c1:0", "tool_output": {"content": "x"}}, None),
    ],
)
@pytest.mark.parametrize("kind", ["TEXT_CONTENT", None])
def test_a_source_is_told_by_its_address_and_left_out_without_one(source: Json, title: str | None, kind: str) -> None:
    citation = cited(sources=[source], type=kind)
    message = {"content": [{"type": "text", "text": "abc"}], "citations": [citation]}
    body = msgspec.json.encode({"message": message, "finish_reason": "COMPLETE"})
    whole = COHERE.read(chat({}), UpstreamReply(200, {}, body)).body["choices"][0]["message"]
    stream = event("content-delta", content={"text": "abc"}) + event("citation-start", citations=citation)
    streamed = completion(decoded(COHERE.decoder(chat({}), native=False), stream))["message"]
    for said in (whole, streamed):
        told = [annotation["url_citation"]["title"] for annotation in said.get("annotations", ())]
        assert told == ([title] if title else [])


def test_streamed_citations_become_the_same_annotations() -> None:
    stream = b"".join(
        [
            event("content-start", 0, content={"type": "text", "text": "ab"}),
            event("content-start", 2, content={"type": "text", "text": ""}),
            event("content-delta", 2, content={"text": "cd"}),
            event("citation-start", 0, citations=cited(content_index=2)),
        ]
    )
    made = completion(decoded(COHERE.decoder(chat({}), native=False), stream))
    assert made["message"]["annotations"] == [{"type": "url_citation", "url_citation": PLACED}]
