"""File parts of messages, in the form that each host of OpenAI's wire takes.

Pages: https://developers.openai.com/api/docs/guides/file-inputs, https://openrouter.ai/docs/guides/overview/multimodal/pdfs and
https://docs.mistral.ai/capabilities/document_ai/document_qna.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, text_of
from llmgateway.providers.history import parse_data_url

_ENDINGS: Final[Mapping[str, str]] = MappingProxyType({"application/pdf": ".pdf", "text/plain": ".txt"})
_FIELDS: Final = ("file_id", "file_data", "filename")


class FileForm(StrEnum):
    """The form in which a host takes a file."""

    DATA = "data"
    """As in OpenAI's chat: its data and its name. The host fetches nothing."""
    DATA_OR_ADDRESS = "data or address"
    """The same, or an address in place of the data."""
    DOCUMENT_URL = "document_url"
    """A part of type `document_url`, whose address may be a data: URL (Mistral)."""


def is_out_of_reach(part: Json, form: FileForm) -> bool:
    """Whether the part is a file at an address, and the host fetches none."""
    file = part.get("file")
    return form is FileForm.DATA and is_object(file) and "file_url" in file


def with_files(message: Json, form: FileForm) -> Json:
    """The message with its files in the host's form; the same object when it has none."""
    content = message.get("content")
    if not is_array(content) or not any(is_object(part) and part.get("type") == "file" for part in content):
        return message
    return {**message, "content": [_told(part, form) for part in content]}


def _told(part: object, form: FileForm) -> object:
    file = part.get("file") if is_object(part) and part.get("type") == "file" else None
    if not is_object(file):
        return part
    address = text_of(file.get("file_url")) or text_of(file.get("file_data"))
    if form is FileForm.DOCUMENT_URL:
        name = {"document_name": file["filename"]} if file.get("filename") else {}
        return {"type": "document_url", "document_url": address, **name} if address else part
    told: Json = {name: file[name] for name in _FIELDS if file.get(name) is not None}
    if address:
        told = {"filename": _name(address), **told, "file_data": address}
    return {"type": "file", "file": told}


def _name(address: str) -> str:
    """A name for a file without one, since OpenAI requires it."""
    media_type, _ = parse_data_url(address) or ("", "")
    return f"document{_ENDINGS.get(media_type, '')}"
