"""Refusals of shapes: the field is named, and what it may be is listed."""

import json

import pytest

from llmgateway.canon.call import Operation, Wishes
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.validation import read_object
from llmgateway.errors import BadRequest, TooLarge


@pytest.mark.parametrize("text", ["\\ud83d", "a\\uD83Dz", "\\ude00"])
def test_half_of_a_character_is_called_so(text: str) -> None:
    with pytest.raises(BadRequest, match="half of a character"):
        OpenAIDialect().read(Operation.CHAT, b'{"model": "' + text.encode() + b'"}', Wishes())


def test_whole_characters_in_another_mistake_are_not_blamed() -> None:
    with pytest.raises(BadRequest, match="not valid JSON"):
        OpenAIDialect().read(Operation.CHAT, b'{"model": "\\ud83d\\ude00",}', Wishes())


def test_a_bare_text_among_parts_is_a_part_of_text_in_canon_and_stays_as_it_was_in_the_body() -> None:
    content = [{"type": "text", "text": "see"}, "IMPORTANT"]
    body = {"model": "m", "messages": [{"role": "system", "content": ["rules"]}, {"role": "user", "content": content}]}
    call = OpenAIDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    texts = [[part["text"] for part in message["content"]] for message in call.canon["messages"]]
    assert texts == [["rules"], ["see", "IMPORTANT"]]
    assert call.body == body


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


@pytest.mark.parametrize(
    "values",
    [b"[]," * 450_000 + b"[]", b'{"a":1},' * 250_000 + b"1", b'"a\\\\", "\\"",' * 250_000 + b"1", b"[" * 500_000],
)
def test_more_values_than_anybody_waits_for_are_refused_unread(values: bytes) -> None:
    with pytest.raises(TooLarge, match="more than 400,000 values"):
        read_object(b'{"model": "m", "a": [' + values + b"]}")


@pytest.mark.parametrize(
    "values",
    [
        b'"' + rb"[{,\\\", [{,\"" * 100_000 + b'"',
        b"1," * 399_000 + b"1",
        b'"' + b"word, " * 400_000 + b'"',
        b"1," * 399_997 + b"1",
        b'",",' + b"1," * 399_996 + b"1",
        b"{" + b'"a":"b,",' * 399_000 + b'"a":"b"}',
    ],
)
def test_what_stands_in_a_text_is_no_value(values: bytes) -> None:
    assert len(read_object(b'{"model": "m", "a": [' + values + b"]}")) == 2


def test_one_value_more_is_refused() -> None:
    with pytest.raises(TooLarge):
        read_object(b'{"model": "m", "a": [' + b"1," * 399_998 + b"1]}")


def test_more_texts_than_so_many_values_have_are_not_told_apart() -> None:
    """Each is a piece in memory; what is no JSON may be made of them."""
    with pytest.raises(TooLarge):
        read_object(b'{"a": [' + b'","' * 900_000 + b"]}")
