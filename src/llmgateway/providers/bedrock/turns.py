"""Translates canon messages to Converse messages: a separate system prompt, alternating roles, cache markers as cache points.

Page: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html.
"""

import base64
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, object_in, objects, text_of
from llmgateway.errors import BadRequest
from llmgateway.providers.bedrock.models import caching, is_claude
from llmgateway.providers.call_ids import CallIds
from llmgateway.providers.history import Turns, image_address, is_signed, parse_data_url, read_call, with_a_user_turn
from llmgateway.providers.server_tools import content_in_words

_CALL_IDS: Final = CallIds(re.compile("[a-zA-Z0-9_.:-]{1,64}"), 32)
_NO_NAME: Final = re.compile(r"[^a-zA-Z0-9\s()\[\]-]+")
_LONGEST_NAME: Final = 200
_FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "application/pdf": "pdf",
        "text/csv": "csv",
        "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "text/html": "html",
        "text/plain": "txt",
        "text/markdown": "md",
    }
)
_IMAGES: Final[Mapping[str, str]] = MappingProxyType(
    {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
)


def turns(messages: object, model: str) -> Turns:
    """Translate a history. Raises BadRequest, naming the message, for what cannot be expressed."""
    found = Turns()
    for index, message in enumerate(with_a_user_turn(objects(messages))):
        where = f"messages.{index}"
        match message.get("role"):
            case "system" | "developer":
                found.system.extend(_content(message, where, model))
            case "user":
                found.add("user", _content(message, where, model) or [{"text": text_of(message.get("content"))}])
            case "assistant":
                found.add("assistant", _assistant(message, where, model))
            case "tool":
                found.add("user", _tool_result(message, where, model))
            case role:
                raise BadRequest(
                    f"Bedrock knows no messages of role {role!r}: use system, developer, user, assistant or tool.",
                    param=f"{where}.role",
                )
    for turn in found.messages:
        turn["content"] = _without_blank_texts(turn["content"])
    if is_claude(model):
        _end_in_no_space(found.messages)
    return found


def _without_blank_texts(blocks: list[Json]) -> list[Json]:
    """Without blank texts, which the API refuses, unless there is nothing else."""
    return [block for block in blocks if text_of(block.get("text", "said")).strip()] or blocks[:1]


def _end_in_no_space(messages: list[Json]) -> None:
    """Take the white space off the end of a last message of the assistant: Claude refuses it there."""
    if messages and messages[-1]["role"] == "assistant" and "text" in (last := messages[-1]["content"][-1]):
        messages[-1]["content"][-1] = {**last, "text": last["text"].rstrip()}


def _content(message: Json, where: str, model: str) -> list[Json]:
    """Blocks of a message's content; blank texts, which the API refuses, are left out."""
    content = content_in_words(message)
    if not is_array(content):
        text = text_of(content)
        return [{"text": text}] if text.strip() else []
    found: list[Json] = []
    for index, part in enumerate(objects(content)):
        if made := _part(part, f"{where}.content.{index}"):
            found += [*made, *caching(model).behind_content(part)]
    return found


def _part(part: Json, where: str) -> list[Json]:
    match part.get("type"):
        case "text" | "refusal" as kind:
            text = text_of(part.get(kind))
            return [{"text": text}] if text.strip() else []
        case "image_url":
            return [{"image": _image(part, where)}]
        case "file":
            return [{"document": _file(part, where)}]
        case "document":
            return [{"document": _document(part, where)}]
        case "search_result":
            return [{"searchResult": _search_result(part)}]
        case "guardContent":
            return [{"guardContent": part.get("guardContent")}]
        case kind:
            raise BadRequest(
                f"Bedrock takes no content parts of type {kind!r}: send text, image_url or file.",
                code="unsupported_parameter",
                param=f"{where}.type",
            )


def _image(part: Json, where: str) -> Json:
    url = image_address(part)
    if url.startswith("s3://"):
        ending = url.rpartition(".")[2].lower()
        return {"format": _IMAGES.get(f"image/{ending}", "jpeg"), "source": {"s3Location": {"uri": url}}}
    data = parse_data_url(url)
    if data is None or data[0] not in _IMAGES:
        raise BadRequest(
            "Bedrock takes images as base64 data: URLs of type png, jpeg, gif or webp, or by s3:// address.",
            code="unsupported_parameter",
            param=f"{where}.image_url.url",
        )
    return {"format": _IMAGES[data[0]], "source": {"bytes": data[1]}}


def is_out_of_reach(part: Json) -> bool:
    """Whether the part is a file that Converse cannot read: held elsewhere than on S3, or of a format it does not know."""
    if part.get("type") == "document":
        source = part.get("source")
        return is_object(source) and text_of(source.get("type")) not in {"base64", "text"}
    file = object_in(part, "file")
    url = text_of(file.get("file_url"))
    elsewhere = bool(file.get("file_id")) or url.startswith(("https://", "http://"))
    return elsewhere or (bool(file.get("file_data")) and not _format(file))


def _format(file: Json) -> str:
    """The format by the file's name, else by its media type; empty for one that is not read."""
    media_type, _ = parse_data_url(text_of(file.get("file_data"))) or ("application/pdf", "")
    ending = (text_of(file.get("filename")) or text_of(file.get("file_url"))).rpartition(".")[2].lower()
    return ending if ending in _FORMATS.values() else _FORMATS.get(media_type, "")


def _file(part: Json, where: str) -> Json:
    file = object_in(part, "file")
    url = text_of(file.get("file_url"))
    content = text_of(file.get("file_data"))
    _, data = parse_data_url(content) or ("", content)
    form = _format(file)
    if not form or not (data or url.startswith("s3://")):
        raise BadRequest(
            "Bedrock reads files as base64 in `file_data`: a data: URL of a PDF, text, office or HTML document.",
            code="unsupported_parameter",
            param=f"{where}.file.file_data",
        )
    source: Json = {"bytes": data} if data else {"s3Location": {"uri": url}}
    made: Json = {"format": form, "name": _name(text_of(file.get("filename"))), "source": source}
    return made | {name: part[name] for name in ("citations", "context") if part.get(name) is not None}


def _document(part: Json, where: str) -> Json:
    """A document of the Messages API."""
    source = object_in(part, "source")
    made: Json = {"name": _name(text_of(part.get("title")))}
    match source.get("type"):
        case "base64":
            form = _FORMATS.get(text_of(source.get("media_type")), "pdf")
            made |= {"format": form, "source": {"bytes": text_of(source.get("data"))}}
        case "text":
            made |= {"format": "txt", "source": {"bytes": _wrapped(text_of(source.get("data")), "utf-8")}}
        case kind:
            raise BadRequest(
                f"Bedrock takes no documents by {kind!r}: send base64 or text.",
                code="unsupported_parameter",
                param=f"{where}.source.type",
            )
    return made | {name: part[name] for name in ("citations", "context") if part.get(name) is not None}


def _search_result(part: Json) -> Json:
    content = [{"text": text_of(piece.get("text"))} for piece in objects(part.get("content"))]
    made: Json = {"source": text_of(part.get("source")), "title": text_of(part.get("title")), "content": content}
    return made | ({"citations": part["citations"]} if part.get("citations") else {})


def _name(title: str) -> str:
    """A document's name in the characters that the API allows, at most 200."""
    name = " ".join(_NO_NAME.sub(" ", title.rpartition(".")[0] or title).split())
    return name[:_LONGEST_NAME] or "document"


def _tool_result(message: Json, where: str, model: str) -> list[Json]:
    identifier = text_of(message.get("tool_call_id"))
    if not identifier:
        raise BadRequest("A tool message names the call it answers.", param=f"{where}.tool_call_id")
    content = [block for block in _content(message, where, model) if "cachePoint" not in block]
    result: Json = {"toolUseId": _CALL_IDS.fit(identifier), "content": content}
    if message.get("is_error"):
        result["status"] = "error"
    return [{"toolResult": result}, *caching(model).behind_tool(message)]


def _assistant(message: Json, where: str, model: str) -> list[Json]:
    """Thinking first, signatures and all, then text, then calls. Only Claude reads what Claude signed."""
    thoughts = objects(message.get("thinking_blocks")) if is_claude(model) else []
    blocks = [_thought(block) for block in thoughts if is_signed(block)]
    text = _content(message, where, model)
    if not text and text_of(message.get("refusal")).strip():
        text = [{"text": text_of(message.get("refusal"))}]
    blocks += text
    for index, call in enumerate(objects(message.get("tool_calls"))):
        blocks.append(_tool_use(call, f"{where}.tool_calls.{index}"))
        blocks += caching(model).behind_tool(call)
    return blocks


def _thought(block: Json) -> Json:
    if block.get("type") == "redacted_thinking":
        return {"reasoningContent": {"redactedContent": _wrapped(text_of(block.get("data")), "latin-1")}}
    text = {"text": text_of(block.get("thinking")), "signature": text_of(block.get("signature"))}
    return {"reasoningContent": {"reasoningText": text}}


def _wrapped(text: str, encoding: str) -> str:
    return base64.b64encode(text.encode(encoding, "replace")).decode()


def _tool_use(call: Json, where: str) -> Json:
    used = read_call(call, where)
    return {"toolUse": {"toolUseId": _CALL_IDS.fit(used.id), "name": used.name, "input": used.arguments}}
