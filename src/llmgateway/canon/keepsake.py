"""What only one provider understands and wants back, packed for dialects that have no place for it, and unpacked again.

Callers of Messages get it as a redacted_thinking block, callers of Responses as a reasoning item's encrypted_content: their
clients send both back as they came. The text says that it is ours. What is in it says whose it is, as it does in canon, so
that nobody else is given it.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects, text_of

_MARK: Final = "lgw1:"
_LISTS: Final = ("thinking_blocks", "provider_blocks")
_EXTRA: Final = "extra_content"


def keepsake_of(said: Mapping[str, Any]) -> Json:
    """What a message or a delta has of it: `thinking_blocks`, `provider_blocks`, `extra_content`, and that of `calls` by id."""
    kept: Json = {name: said[name] for name in (*_LISTS, _EXTRA) if said.get(name)}
    calls = {
        identifier: call[_EXTRA]
        for call in objects(said.get("tool_calls"))
        if call.get(_EXTRA) and (identifier := text_of(call.get("id")))
    }
    return {**kept, "calls": calls} if calls else kept


def joined(first: Json, second: Json) -> Json:
    """Two keepsakes as one, since a stream brings it in pieces."""
    both = {**first, **second}
    for name in _LISTS:
        if name in both:
            both[name] = [*first.get(name, ()), *second.get(name, ())]
    if "calls" in both:
        both["calls"] = {**first.get("calls", {}), **second.get("calls", {})}
    return both


def packed(keepsake: Json) -> str:
    """Pack it into a text that only `unpacked` can read."""
    return _MARK + base64.b64encode(msgspec.json.encode(keepsake)).decode()


def is_packed(text: object) -> bool:
    """Whether the gateway wrote this text, so that no provider may get it."""
    return text_of(text).startswith(_MARK)


def unpacked(text: object) -> Json:
    """What `packed` packed; empty for any other text, or a damaged one."""
    if not is_packed(text):
        return {}
    try:
        found: object = msgspec.json.decode(base64.b64decode(text_of(text).removeprefix(_MARK), validate=True))
    except (binascii.Error, msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return found if is_object(found) else {"thinking_blocks": objects(found)}  # a list: written before there was more


def give_back(message: Json, keepsake: Json) -> None:
    """Put it back into a message of the history, but for what belongs to its calls."""
    for name in _LISTS:
        if blocks := objects(keepsake.get(name)):
            message[name] = [*message.get(name, ()), *blocks]
    if is_object(extra := keepsake.get(_EXTRA)):
        message[_EXTRA] = extra


def give_back_to_calls(message: Json, keepsake: Json) -> None:
    """Put back what belongs to the message's calls."""
    extras = keepsake.get("calls")
    for call in objects(message.get("tool_calls")) if is_object(extras) else ():
        if is_object(extras) and is_object(extra := extras.get(text_of(call.get("id")))):
            call[_EXTRA] = extra
