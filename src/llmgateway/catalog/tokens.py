"""Counting tokens without asking anybody: exact for OpenAI's models, a good estimate for the others."""

from typing import Any, Final

import bpe_openai

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of

_COUNTED_WHOLE: Final = 65_536
"""Characters; a longer text is counted by samples, so that nobody waits for it."""
_SAMPLE: Final = 8_192
_MESSAGE_TOKENS: Final = 3
"""Tokens around each message, and before the answer (OpenAI's cookbook, "How to count tokens")."""
_IMAGE_TOKENS: Final = 765
"""A 1024 x 1024 image at high detail (OpenAI's guide on images and vision); its true size is not looked at."""
_OLDER: Final = ("gpt-4-", "gpt-3.5", "text-embedding-")


class Tokenizer:
    """Holds the vocabularies; made at a process's start, since loading takes a tenth of a second."""

    def __init__(self) -> None:
        self._newer = bpe_openai.get_encoding("o200k_base")
        self._older = bpe_openai.get_encoding("cl100k_base")

    def count_text(self, text: str, model: str) -> int:
        """Tokens of a text."""
        if not text:
            return 0
        name = model.rpartition("/")[2]
        encoding = self._older if name == "gpt-4" or name.startswith(_OLDER) else self._newer
        if len(text) <= _COUNTED_WHOLE:
            return len(encoding.encode_ordinary(text))
        step = len(text) // 4
        samples = [text[start : start + _SAMPLE] for start in (0, step, 2 * step, len(text) - _SAMPLE)]
        return round(sum(len(encoding.encode_ordinary(sample)) for sample in samples) / (4 * _SAMPLE) * len(text))

    def count_prompt(self, canon: Json, model: str) -> int:
        """Tokens of a chat or embeddings request in canon."""
        if "messages" not in canon:
            return self._count_input(canon.get("input") or canon.get("prompt"), model)
        texts, extra = list[str](), _MESSAGE_TOKENS
        for message in objects(canon["messages"]):
            extra += _MESSAGE_TOKENS + _collect(message, texts)
        for tool in objects(canon.get("tools")):
            texts.append(str(tool))
        return extra + self.count_text("\n".join(texts), model)

    def _count_input(self, given: Any, model: str) -> int:
        if isinstance(given, str):
            return self.count_text(given, model)
        if not is_array(given):
            return 0
        if all(isinstance(item, int) for item in given):
            return len(given)
        return sum(len(item) if is_array(item) else self.count_text(text_of(item), model) for item in given)


def _collect(message: Json, texts: list[str]) -> int:
    """Put a message's texts into the list; the tokens of what is no text are returned."""
    extra = 0
    content = message.get("content")
    if isinstance(content, str):
        texts.append(content)
    for part in objects(content):
        if part.get("type") == "text":
            texts.append(text_of(part.get("text")))
        else:
            extra += _IMAGE_TOKENS
    for call in objects(message.get("tool_calls")):
        function = call.get("function")
        if is_object(function):
            texts += [text_of(function.get("name")), text_of(function.get("arguments"))]
    texts.append(text_of(message.get("reasoning_content")))
    return extra
