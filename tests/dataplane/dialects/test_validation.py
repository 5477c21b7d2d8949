"""Refusals of shapes: the field is named, and what it may be is listed."""

import json

import pytest

from llmgateway.canon.call import Operation, Wishes
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.errors import BadRequest


@pytest.mark.parametrize(
    ("operation", "body", "path", "allowed"),
    [
        (
            Operation.EMBEDDINGS,
            {"model": "m", "input": "x", "encoding_format": "hex"},
            "encoding_format",
            "one of base64, float",
        ),
        (
            Operation.CHAT,
            {"model": "m", "messages": [{"role": "usr", "content": "x"}]},
            "messages[0].role",
            "one of assistant, developer, function, system, tool, user",
        ),
    ],
)
def test_a_wrong_word_is_told_the_right_ones(
    operation: Operation, body: dict[str, object], path: str, allowed: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        OpenAIDialect().read(operation, json.dumps(body).encode(), Wishes())
    assert refused.value.param == path
    assert allowed in refused.value.message
