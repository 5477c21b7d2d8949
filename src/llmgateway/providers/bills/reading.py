"""Whose export a file is, by its shape."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects
from llmgateway.providers.bills import anthropic, openai, openrouter
from llmgateway.providers.bills.bill import Bill, Unreadable

_MARKS: Final[Mapping[str, Callable[[str, bytes], Bill]]] = {
    "starting_at": anthropic.read,
    "date": openrouter.read,
}
"""What only one provider's entries have. OpenAI's pages name themselves."""
_KNOWN: Final = (
    "OpenAI's /v1/organization/costs, /usage/completions and /usage/embeddings, Anthropic's "
    "/v1/organizations/cost_report and /usage_report/messages, OpenRouter's /api/v1/activity"
)


def read_bill(name: str, content: bytes) -> Bill:
    """The page of an export that a file holds. Raises Unreadable."""
    try:
        page: Any = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(f"{name} is not one JSON document ({error}). Give each page as a file of its own.") from error
    if not is_object(page):
        raise Unreadable(f"{name} is no answer of a provider. These can be compared: {_KNOWN}.")
    if is_object(failure := page.get("error")):
        raise Unreadable(f"{name} holds an error of the provider, and no export: {failure.get('message')}")
    try:
        return _reader(name, page)(name, content)
    except OverflowError as error:
        raise Unreadable(
            f"{name} tells of a day that no calendar has. Fetch it for the days that shall be compared."
        ) from error


def _reader(name: str, page: Json) -> Callable[[str, bytes], Bill]:
    """Raises Unreadable where nobody's is known."""
    if page.get("object") == "page":
        return openai.read
    if page.get("data") == []:
        raise Unreadable(f"{name} tells of no day. Fetch it for the days that shall be compared.")
    entries = objects(page.get("data"))
    for mark, reader in _MARKS.items():
        if entries and mark in entries[0]:
            return reader
    raise Unreadable(f"{name} is no export that is known here. These can be compared: {_KNOWN}.")
