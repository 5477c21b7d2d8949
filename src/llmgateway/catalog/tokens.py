"""Counting tokens without asking anybody: exact for OpenAI's models, a good estimate for the others."""

import random
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import files as files_of
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, Final, Protocol

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of

_COUNTED_WHOLE: Final = 65_536
"""Characters; a longer text is counted by samples, so that nobody waits for it."""
_SAMPLE: Final = 2_048
_SAMPLES: Final = 16
"""Each anywhere in its part of the text, by chance: nobody can know which words will be counted."""
_MESSAGE_TOKENS: Final = 3
"""Tokens around each message, and before the answer (OpenAI's cookbook, "How to count tokens")."""
_IMAGE_TOKENS: Final = 765
"""A 1024 x 1024 image at high detail (OpenAI's guide on images and vision); its true size is not looked at."""
_SMALL_IMAGE_TOKENS: Final = 85
"""Any image at low detail (the same guide)."""
_SOUND_TOKENS: Final = 32
"""A second of sound (Google's guide on audio understanding; OpenAI counts 10)."""
_SOUND_BYTES: Final[Mapping[str, int]] = {"mp3": 16_000, "wav": 48_000}
"""A second of it: 128 kbit/s, and 24 kHz of 16 bits."""
_PAGE_TOKENS: Final = 2_000
"""A page of a document: 1,500 to 3,000 (Anthropic's guide on PDF support)."""
_PAGE_BYTES: Final = 50_000
_OLDER: Final = ("gpt-4-", "gpt-3.5", "text-embedding-")


class _Vocabulary(Protocol):
    def count(self, text: str) -> int: ...


class Tokenizer:
    """Holds the vocabularies. OpenAI's present one is loaded at once (0.05 s), the older one when it is first asked for."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        """`draw` gives a number from 0 to 1 by chance."""
        self._draw = draw
        self._load = _loader()
        self._newer = self._load("o200k_base")
        self._older: _Vocabulary | None = None

    def count_text(self, text: str, model: str) -> int:
        """Tokens of a text; a very long one is counted by samples, so that nobody waits for it."""
        vocabulary = self._vocabulary(model)
        if len(text) <= _COUNTED_WHOLE:
            return vocabulary.count(text) if text else 0
        step = len(text) // _SAMPLES
        starts = (place * step + int(self._draw() * (step - _SAMPLE)) for place in range(_SAMPLES))
        counted = sum(vocabulary.count(text[start : start + _SAMPLE]) for start in starts)
        return round(counted / (_SAMPLES * _SAMPLE) * len(text))

    def _vocabulary(self, model: str) -> _Vocabulary:
        name = model.rpartition("/")[2]
        if name != "gpt-4" and not name.startswith(_OLDER):
            return self._newer
        if self._older is None:
            self._older = self._load("cl100k_base")
        return self._older

    def count_prompt(self, canon: Json, model: str) -> int:
        """Tokens of a chat or embeddings request in canon."""
        if "messages" not in canon:
            return self._count_alone(canon, model)
        extra = _MESSAGE_TOKENS
        texts: list[str] = []
        for message in objects(canon["messages"]):
            extra += _MESSAGE_TOKENS + _collect(message, texts)
        texts += [str(tool) for name in ("tools", "functions") for tool in objects(canon.get(name))]
        if is_object(described := canon.get("response_format")):
            texts.append(str(described))
        return extra + self.count_text("\n".join(texts), model)

    def _count_alone(self, canon: Json, model: str) -> int:
        """Tokens of what is no conversation. Who ranks documents reads the question with each."""
        if given := canon.get("input") or canon.get("prompt"):
            return self._count_input(given, model) + self._count_input(canon.get("suffix"), model)
        query, documents = canon.get("query"), canon.get("documents") or ()
        return self._count_input(query, model) * len(documents) + self._count_input(documents, model)

    def _count_input(self, given: Any, model: str) -> int:
        """Texts, or token ids, which are counted as they are."""
        if isinstance(given, str):
            return self.count_text(given, model)
        if not is_array(given):
            return 0
        ids = sum(len(one) if is_array(one) else isinstance(one, int) for one in given)
        texts = [_text(one) for one in given if isinstance(one, str) or is_object(one)]
        return ids + self._count_all(texts, model) if texts else ids

    def _count_all(self, texts: Sequence[str], model: str) -> int:
        """Tokens of many texts; when they are long together, every so many of them stand for all."""
        length = sum(map(len, texts))
        step = max(1, length // _COUNTED_WHOLE)
        some = texts[int(self._draw() * min(step, len(texts))) :: step]
        counted = sum(self.count_text(text, model) for text in some)
        return counted if len(some) == len(texts) else round(counted / max(1, sum(map(len, some))) * length)


def sound_tokens(canon: Json) -> int:
    """Tokens of a chat request that are sound, as they are in `count_prompt`."""
    tokens = 0
    for message in objects(canon.get("messages")):
        if is_array(content := message.get("content")):
            tokens += sum(_of_sound(part) for part in objects(content) if part.get("type") == "input_audio")
    return tokens


def _loader() -> Callable[[str], _Vocabulary]:
    """The compiled half of bpe-openai, without its Python half, which keeps 70 MB of ranks that only decoding needs."""
    files = files_of("bpe-openai") or []
    path = next(
        file.locate() for file in files if file.name.startswith("_bindings.") and file.suffix in (".so", ".pyd")
    )
    spec = spec_from_file_location("_bindings", str(path))
    if spec is None or spec.loader is None:
        raise ImportError("bpe-openai has no compiled half")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    load: Callable[[str], _Vocabulary] = module.tokenizer_for_encoding
    return load


def _collect(message: Json, texts: list[str]) -> int:
    """Put a message's texts into the list; the tokens of what is no text are returned."""
    content, extra = message.get("content"), 0
    if isinstance(content, str):
        texts.append(content)
    else:
        extra = sum(_part(part, texts) for part in objects(content))
    for call in objects(message.get("tool_calls")):
        texts += _of_call(call.get("function")) + _of_call(call.get("custom"))
    texts += _of_call(message.get("function_call"))
    texts += (text_of(message.get("reasoning_content")), text_of(message.get("refusal")))
    texts += [str(block) for block in objects(message.get("provider_blocks"))]
    return extra


def _of_call(call: object) -> list[str]:
    """What a call of a tool says."""
    return [text_of(call.get(name)) for name in ("name", "arguments", "input")] if is_object(call) else []


def _part(part: Json, texts: list[str]) -> int:
    """A part of a content: its text goes into the list, the tokens of anything else are returned, by rules of thumb."""
    kind = part.get("type")
    if kind == "image_url":
        image = part.get("image_url")
        return _SMALL_IMAGE_TOKENS if is_object(image) and image.get("detail") == "low" else _IMAGE_TOKENS
    if kind == "input_audio":
        return _of_sound(part)
    if kind == "file":
        file = part.get("file")
        return _PAGE_TOKENS * (1 + _decoded(file.get("file_data") if is_object(file) else None) // _PAGE_BYTES)
    texts += [text_of(part.get("text")), text_of(part.get("refusal"))]
    return 0


def _text(one: str | Json) -> str:
    """A text, a document's text, or all of a document that has none."""
    if isinstance(one, str):
        return one
    return text_of(one.get("text")) or str(one)


def _of_sound(part: Json) -> int:
    sound = part.get("input_audio")
    given = sound if is_object(sound) else {}
    second = _SOUND_BYTES.get(text_of(given.get("format")), _SOUND_BYTES["mp3"])
    return _SOUND_TOKENS * (1 + _decoded(given.get("data")) // second)


def _decoded(base64: object) -> int:
    """Bytes that a base64 text stands for."""
    return len(text_of(base64)) * 3 // 4
