"""Rerank: one shape of answer whatever the host says, and what a host may not say."""

import pytest

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.hosts.jina import JINA
from llmgateway.providers.hosts.voyage import VOYAGE
from llmgateway.providers.openai_compatible import OpenAICompatible
from llmgateway.providers.rerank import canon_results
from tests.providers.calls import chat, sent
from tests.providers.openai_building import PLACE

ASKED: Json = {"model": "m", "query": "q", "documents": ["a", {"text": "b"}]}


@pytest.mark.parametrize(
    "result",
    [
        {"relevance_score": 0.5},
        {"index": 2, "relevance_score": 0.5},
        {"index": -1, "relevance_score": 0.5},
        {"index": 0, "relevance_score": "0.5"},
        {"index": 0},
    ],
)
def test_a_result_that_points_at_nothing_or_has_no_score_is_a_failure(result: Json) -> None:
    with pytest.raises(ProviderError) as failed:
        canon_results(ASKED, {"results": [result]})
    assert failed.value.kind is FailureKind.PROTOCOL


def test_documents_are_given_only_where_they_were_asked_for() -> None:
    said: Json = {"results": [{"index": 1, "relevance_score": 0.5, "document": {"text": "b"}}]}
    assert canon_results(ASKED, said)["results"] == [{"index": 1, "relevance_score": 0.5}]
    said = {"data": [{"index": 0, "relevance_score": 0.1}, {"index": 1, "relevance_score": 0.9, "document": "b"}]}
    assert canon_results({**ASKED, "return_documents": True}, said)["results"] == [
        {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}},
        {"index": 0, "relevance_score": 0.1, "document": {"text": "a"}},
    ]


@pytest.mark.parametrize(("host", "documents"), [(VOYAGE, ["a", "b"]), (JINA, ["a", {"text": "b"}])])
def test_documents_are_texts_where_the_host_ranks_only_texts(host: OpenAICompatible, documents: list[object]) -> None:
    call = chat({"query": "q", "documents": ASKED["documents"]}, operation=Operation.RERANK)
    assert sent(host.build(call, PLACE))["documents"] == documents
