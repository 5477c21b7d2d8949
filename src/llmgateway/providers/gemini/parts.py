"""Content parts: canon's as Gemini's (text, images, audio, documents), and the text of Gemini's own.

Pages: https://ai.google.dev/api/caching#Part and https://ai.google.dev/gemini-api/docs/file-input-methods.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.errors import BadRequest
from llmgateway.providers.history import image_address, parse_data_url

PART_KINDS: Final = frozenset({"text", "refusal", "image_url", "input_audio", "file"})
_OWN_FILE: Final = re.compile(
    r"gs://|https://generativelanguage\.googleapis\.com/|https://(www\.)?(youtube\.com|youtu\.be)/"
)
_AUDIO: Final[Mapping[str, str]] = MappingProxyType({"wav": "audio/wav", "mp3": "audio/mp3"})
_BY_ENDING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "webp": "image/webp",
        "heic": "image/heic",
        "heif": "image/heif",
        "gif": "image/gif",
        "pdf": "application/pdf",
        "txt": "text/plain",
        "md": "text/markdown",
        "csv": "text/csv",
        "html": "text/html",
        "json": "application/json",
        "mp3": "audio/mp3",
        "wav": "audio/wav",
        "mp4": "video/mp4",
        "mov": "video/mov",
        "webm": "video/webm",
    }
)


def parts_of(content: object, where: str) -> list[Json]:
    """Gemini's parts for a message's content, without empty texts, which it refuses.

    Raises BadRequest, naming the part, for what cannot be expressed.
    """
    if isinstance(content, str):
        return [{"text": content}] if content else []
    parts = [_part(part, f"{where}.{index}") for index, part in enumerate(objects(content))]
    return [part for part in parts if part != {"text": ""}]


def answer_text(parts: Sequence[Json]) -> str:
    """The text of Gemini's parts, without thoughts."""
    return "".join(text_of(part.get("text")) for part in parts if not part.get("thought"))


def foreign_address(part: Json) -> str:
    """The https address that a part points to, unless Google itself holds the file; empty when there is none."""
    kind = part.get("type")
    inner = part.get("image_url" if kind == "image_url" else "file")
    url = inner if isinstance(inner, str) else ""
    if is_object(inner):
        url = text_of(inner.get("url")) or text_of(inner.get("file_url"))
    return url if url.startswith(("https://", "http://")) and not _OWN_FILE.match(url) else ""


def foreign_file(part: Json) -> str:
    """The id of an uploaded file that is not of Google's Files API; empty when there is none."""
    file = part.get("file")
    identifier = text_of(file.get("file_id")) if is_object(file) else ""
    return identifier if not identifier.startswith(("files/", "gs://", "https://")) else ""


def _part(part: Json, where: str) -> Json:
    match part.get("type"):
        case "text":
            return {"text": text_of(part.get("text"))}
        case "refusal":
            return {"text": text_of(part.get("refusal"))}
        case "image_url":
            return _media(image_address(part), "image/jpeg", f"{where}.image_url.url")
        case "input_audio":
            return _audio(part.get("input_audio"), where)
        case "file":
            return _file(part.get("file"), where)
        case kind:
            raise BadRequest(
                f"Gemini takes no content parts of type {kind!r}: send text, image_url, input_audio or file.",
                code="unsupported_parameter",
                param=f"{where}.type",
            )


def _media(url: str, otherwise: str, where: str) -> Json:
    if data := parse_data_url(url, otherwise):
        return {"inlineData": {"mimeType": data[0], "data": data[1]}}
    if url.startswith(("https://", "http://", "gs://")):
        ending = url.partition("?")[0].rpartition("/")[2].rpartition(".")[2].lower()
        return {"fileData": {"mimeType": _BY_ENDING.get(ending, otherwise), "fileUri": url}}
    raise BadRequest("Send an https address or a base64 data: URL.", param=where)


def _audio(audio: object, where: str) -> Json:
    if not is_object(audio) or not text_of(audio.get("data")):
        raise BadRequest("An audio part has `data` (base64) and a `format`.", param=f"{where}.input_audio")
    given = text_of(audio.get("format")) or "wav"
    return {"inlineData": {"mimeType": _AUDIO.get(given, f"audio/{given}"), "data": audio["data"]}}


def _file(file: object, where: str) -> Json:
    if not is_object(file):
        raise BadRequest("A file part needs a `file` object.", param=f"{where}.file")
    if identifier := text_of(file.get("file_id")):
        address = identifier
        if identifier.startswith("files/"):
            address = f"https://generativelanguage.googleapis.com/v1beta/{identifier}"
        return _media(address, "application/pdf", f"{where}.file.file_id")
    if url := text_of(file.get("file_url")):
        return _media(url, "application/pdf", f"{where}.file.file_url")
    data = text_of(file.get("file_data"))
    if not data:
        raise BadRequest("A file part needs `file_data`, a base64 data: URL.", param=f"{where}.file.file_data")
    if data.startswith("data:"):
        return _media(data, "application/pdf", f"{where}.file.file_data")
    return {"inlineData": {"mimeType": "application/pdf", "data": data}}
