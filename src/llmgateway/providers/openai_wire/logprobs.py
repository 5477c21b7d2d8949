"""Log probabilities in the older form that some hosts keep (https://docs.together.ai/docs/logprobs), to and from chat's form."""

from typing import Any

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, text_of


def ask_in_old_form(body: Json) -> None:
    """Write `logprobs: true` as the number of alternatives, of which the chosen token is one."""
    if body.get("logprobs") is True:
        body["logprobs"] = body.pop("top_logprobs", None) or 1


def read_old_form(given: object, text: str) -> object:
    """A choice's `logprobs` in chat's form. The older one is lists of tokens and logprobs, or in a chunk the number for its `text`."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"content": [_token(text, given, {})], "refusal": None}
    if not is_object(given) or "content" in given or not is_array(given.get("tokens")):
        return given
    odds = _list(given.get("token_logprobs"))
    alternatives = _list(given.get("top_logprobs"))
    tokens = [
        _token(text_of(token), odds[place] if place < len(odds) else None, _at(alternatives, place))
        for place, token in enumerate(given["tokens"])
    ]
    return {"content": tokens, "refusal": None}


def _token(token: str, odds: object, alternatives: Json) -> Json:
    others = [_plain(other, value) for other, value in alternatives.items()]
    return {**_plain(token, odds), "top_logprobs": others}


def _plain(token: str, odds: object) -> Json:
    number = odds if isinstance(odds, int | float) else 0.0
    return {"token": token, "logprob": number, "bytes": list(token.encode("utf-8", "replace"))}


def _list(value: object) -> list[Any]:
    return value if is_array(value) else []


def _at(values: list[Any], place: int) -> Json:
    value = values[place] if place < len(values) else None
    return value if is_object(value) else {}
