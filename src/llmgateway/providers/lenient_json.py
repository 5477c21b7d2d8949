"""Reads JSON that msgspec refuses though most readers take it: half of a surrogate pair, NaN.

JSON.stringify and json.dumps write half of a surrogate pair where a text was cut between the two, which is what streams do.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object
from llmgateway.providers.base import Step

REFUSED: Final = (msgspec.DecodeError, UnicodeDecodeError)
"""What the strict reader raises."""
_FIRST_HALF: Final = re.compile('[\ud800-\udbff](?=")')
_SECOND_HALF: Final = re.compile('(?<=[^\\\\]")[\udc00-\udfff]')

T = TypeVar("T")
Understand = Callable[[bytes], Sequence[Step]]
"""Turns the JSON of one frame into steps. Raises the errors in REFUSED."""


def mended(data: bytes) -> bytes:
    """The same JSON value in a form that msgspec takes, with U+FFFD for half a character; empty when it is no JSON at all."""
    return _without_halves(_text(data))


def lenient(decode: Callable[[bytes], T], data: bytes) -> T:
    """Decode the bytes, a second time as `mended` where the decoder refuses them. Raises what the decoder raises."""
    try:
        return decode(data)
    except REFUSED:
        if not (whole := mended(data)):
            raise
    return decode(whole)


def read_object(data: bytes) -> Json | None:
    """The JSON object in these bytes, mended where it must be; None when there is none."""
    try:
        value = lenient(msgspec.json.decode, data)
    except REFUSED:
        return None
    return value if is_object(value) else None


class LenientReader:
    """Reads the JSON frames of a stream. A frame that was cut inside a character is held until the next one brings the other half."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def read(self, data: bytes, understand: Understand) -> Sequence[Step]:
        """Steps of one frame, after those of a frame that was held; none for what is no JSON."""
        if not self._held:
            try:
                return understand(data)
            except REFUSED:
                pass
        text = _text(data)
        if not text:
            return ()
        before, text = _joined(self._held, text)
        self._held = text if _FIRST_HALF.search(text) else ""
        ready = (before,) if self._held else (before, text)
        return [step for frame in ready if frame for step in _understood(frame, understand)]

    def close(self, understand: Understand) -> Sequence[Step]:
        """Steps of the frame whose other half never came."""
        held, self._held = self._held, ""
        return _understood(held, understand) if held else ()


def _understood(text: str, understand: Understand) -> Sequence[Step]:
    try:
        return understand(_without_halves(text))
    except REFUSED:
        return ()  # a frame in a shape that the reader does not know


def _joined(held: str, text: str) -> tuple[str, str]:
    """Both frames, with the cut character whole at the end of the first."""
    first, second = _FIRST_HALF.search(held), _SECOND_HALF.search(text)
    if first is None or second is None:
        return held, text
    at = first.end()
    return held[:at] + second[0] + held[at:], text[: second.start()] + text[second.end() :]


def _text(data: bytes) -> str:
    """The JSON written anew, halves of characters still in it; empty when it is no JSON."""
    try:
        value: object = json.loads(data.decode(), strict=False, parse_constant=_nothing)
    except ValueError:
        return ""
    return json.dumps(value, ensure_ascii=False)


def _without_halves(text: str) -> bytes:
    """The text in UTF-8: two halves side by side become one character, others U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _nothing(constant: str) -> None:
    """JSON has no NaN and no Infinity."""
    del constant
