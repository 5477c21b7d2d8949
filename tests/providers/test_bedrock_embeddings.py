"""Texts to embed on Bedrock: what each model's InvokeModel body says, and what is refused."""

from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest
from llmgateway.providers.bedrock.declaration import BEDROCK
from tests.providers.bedrock_building import PLACE
from tests.providers.calls import HELLO, chat


def embedding(model: str, **body: Any) -> Json:
    request = BEDROCK.build(chat(body, operation=Operation.EMBEDDINGS), replace(PLACE, model=model))
    assert request.url.endswith("/invoke")
    return cast("Json", msgspec.json.decode(request.body))


def test_texts_to_embed() -> None:
    assert embedding("amazon.titan-embed-text-v2:0", input=["a"], dimensions=256) == {
        "inputText": "a",
        "dimensions": 256,
    }
    assert embedding("cohere.embed-english-v3", input="a")["texts"] == ["a"]
    with pytest.raises(BadRequest, match="one text"):
        embedding("amazon.titan-embed-text-v2:0", input=["a", "b"])
    with pytest.raises(BadRequest, match="no embedding model"):
        embedding("meta.llama3-8b-instruct-v1:0", input="a")
    call = chat({"messages": [HELLO], "input": "a", "dimensions": 4, "input_type": "x"}, operation=Operation.EMBEDDINGS)
    assert BEDROCK.refuses(call, "amazon.titan-embed-text-v1") == ["messages", "input_type", "dimensions"]


def test_texts_to_embed_by_nova() -> None:
    model = "amazon.nova-2-multimodal-embeddings-v1:0"
    assert embedding(model, input="a", dimensions=256, input_type="search_query", truncate="NONE") == {
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {
            "embeddingPurpose": "GENERIC_RETRIEVAL",
            "embeddingDimension": 256,
            "text": {"truncationMode": "NONE", "value": "a"},
        },
    }
    assert embedding(model, input=["a"])["singleEmbeddingParams"]["embeddingPurpose"] == "GENERIC_INDEX"
    call = chat({"messages": [HELLO], "input": "a", "priority": 1}, operation=Operation.EMBEDDINGS)
    assert BEDROCK.refuses(call, model) == ["messages", "priority"]
