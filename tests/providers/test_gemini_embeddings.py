"""Embeddings by Gemini."""

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest, FailureKind, ProviderError
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.gemini.declaration import GEMINI
from tests.providers.calls import chat, sent
from tests.providers.gemini_building import PLACE
from tests.providers.gemini_recordings import Recording, each, recordings

_WIRE = recordings("google.embedContent", "embeddings")


def test_texts_are_a_batch() -> None:
    call = chat({"input": ["a", "b"], "dimensions": 8}, operation=Operation.EMBEDDINGS)
    request = GEMINI.build(call, replace(PLACE, model="gemini-embedding-001"))
    one: Json = {"model": "models/gemini-embedding-001", "outputDimensionality": 8}
    assert request.url.endswith("/v1beta/models/gemini-embedding-001:batchEmbedContents")
    assert sent(request) == {"requests": [{**one, "content": {"parts": [{"text": text}]}} for text in "ab"]}


def test_one_text_is_a_batch_of_one() -> None:
    request = GEMINI.build(chat({"input": "a"}, operation=Operation.EMBEDDINGS), PLACE)
    assert [item["content"]["parts"] for item in sent(request)["requests"]] == [[{"text": "a"}]]


@pytest.mark.parametrize("given", [[1, 2], [[1], [2]], []])
def test_token_ids_are_refused(given: object) -> None:
    with pytest.raises(BadRequest, match="token ids"):
        GEMINI.build(chat({"input": given}, operation=Operation.EMBEDDINGS), PLACE)


@each(_WIRE)
def test_recorded_vectors_are_read(recording: Recording) -> None:
    answer = GEMINI.read(chat({"input": "a"}, operation=Operation.EMBEDDINGS), recording.reply)
    told = recording.frames[0]
    vectors = [item["values"] for item in told.get("embeddings", [told.get("embedding")])]
    tokens = told.get("usageMetadata", {}).get("promptTokenCount")
    assert [item["embedding"] for item in answer.body["data"]] == vectors
    assert [item["index"] for item in answer.body["data"]] == list(range(len(vectors)))
    assert (answer.usage.prompt_tokens if answer.usage else None) == tokens


@each(_WIRE, failed=True)
def test_a_recorded_failure_keeps_its_words(recording: Recording) -> None:
    error = GEMINI.classify(recording.reply)
    assert (error.kind, error.message) == (FailureKind.NOT_FOUND, recording.frames[0]["error"]["message"])


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b'{"embeddings": []}', b'{"embeddings": [{}]}'])
def test_an_answer_without_vectors_is_a_protocol_failure(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        GEMINI.read(chat({"input": "a"}, operation=Operation.EMBEDDINGS), UpstreamReply(200, {}, body))
    assert caught.value.kind is FailureKind.PROTOCOL
