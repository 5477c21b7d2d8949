"""Counting tokens without asking anybody: exact for OpenAI's models, a good estimate for the others."""

import random
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import files as files_of
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any, Final, Protocol

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, object_in, objects, text_of

_COUNTED_WHOLE: Final = 65_536
"""Characters: longer texts are counted by samples."""
_SAMPLE: Final = 2_048
_SAMPLES: Final = 16
"""The number of samples of a long text. Each is taken at a random place, so that nobody can choose the words that are counted."""
_MESSAGE_TOKENS: Final = 3
"""Tokens around each message, and before the answer (OpenAI's cookbook, "How to count tokens")."""
_IMAGE_TOKENS: Final = 765
"""Tokens of a 1024 x 1024 image at high detail (OpenAI's guide on images and vision). The true size is not looked at."""
_SMALL_IMAGE_TOKENS: Final = 85
"""Tokens of any image at low detail (the same guide)."""
_SOUND_TOKENS: Final = 32
"""Tokens of a second of audio (Google's guide on audio understanding; OpenAI counts 10)."""
_SOUND_BYTES: Final[Mapping[str, int]] = {"mp3": 16_000, "wav": 48_000}
"""Format -> bytes of a second of audio: 128 kbit/s, and 24 kHz of 16 bits."""
_PAGE_TOKENS: Final = 2_000
"""Tokens of a page of a document: 1,500 to 3,000 (Anthropic's guide on PDF support)."""
_PAGE_BYTES: Final = 50_000
_OLDER: Final = ("gpt-4-", "gpt-3.5", "text-embedding-")


class _Vocabulary(Protocol):
    def count(self, text: str) -> int: ...


class Tokenizer:
    """Counts tokens with OpenAI's vocabularies. The present one is loaded at once (0.05 s), the older one when first needed."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        """`draw` returns a random number in [0, 1)."""
        self._draw = draw
        self._load = _loader()
        self._newer = self._load("o200k_base")
        self._older: _Vocabulary | None = None

    def count_text(self, text: str, model: str) -> int:
        """Tokens of a text. A very long one is counted by samples, so that it delays no other request."""
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
        """Tokens of a body without messages. In a rerank the query counts once for each document, since it is read with each."""
        if given := canon.get("input") or canon.get("prompt"):
            return self._count_input(given, model) + self._count_input(canon.get("suffix"), model)
        query, documents = canon.get("query"), canon.get("documents") or ()
        return self._count_input(query, model) * len(documents) + self._count_input(documents, model)

    def _count_input(self, given: Any, model: str) -> int:
        """Tokens of an input: of its texts, or the number of its token ids."""
        if isinstance(given, str):
            return self.count_text(given, model)
        if not is_array(given):
            return 0
        ids = sum(len(one) if is_array(one) else isinstance(one, int) for one in given)
        texts = [_text(one) for one in given if isinstance(one, str) or is_object(one)]
        return ids + self._count_all(texts, model) if texts else ids

    def _count_all(self, texts: Sequence[str], model: str) -> int:
        """Tokens of many texts. When they are very long together, a sample of them stands for all."""
        length = sum(map(len, texts))
        step = max(1, length // _COUNTED_WHOLE)
        some = texts[int(self._draw() * min(step, len(texts))) :: step]
        counted = sum(self.count_text(text, model) for text in some)
        return counted if len(some) == len(texts) else round(counted / max(1, sum(map(len, some))) * length)


def sound_tokens(canon: Json) -> int:
    """The audio tokens of a chat request, as `count_prompt` counts them."""
    tokens = 0
    for message in objects(canon.get("messages")):
        if is_array(content := message.get("content")):
            tokens += sum(_of_sound(part) for part in objects(content) if part.get("type") == "input_audio")
    return tokens


def _loader() -> Callable[[str], _Vocabulary]:
    """The compiled part of bpe-openai. Its Python part would keep 70 MB of ranks in memory that only decoding needs."""
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
    """Append a message's texts to `texts`; returns the tokens of everything else in it."""
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
    """Append a content part's text to `texts`; returns the tokens of anything else, by rules of thumb."""
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
    given = object_in(part, "input_audio")
    second = _SOUND_BYTES.get(text_of(given.get("format")), _SOUND_BYTES["mp3"])
    return _SOUND_TOKENS * (1 + _decoded(given.get("data")) // second)


def _decoded(base64: object) -> int:
    """How many bytes a base64 text decodes to."""
    return len(text_of(base64)) * 3 // 4
