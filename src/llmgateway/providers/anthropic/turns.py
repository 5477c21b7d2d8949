"""Translates canon messages to turns of the Messages API: a separate system prompt, alternating roles, blocks in the required order.

Page: https://platform.claude.com/docs/en/build-with-claude/working-with-messages.
"""

import base64
import binascii
import re
from typing import Any, Final, cast

from llmgateway.canon.chat import Json, Message
from llmgateway.canon.keepsake import is_packed
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, text_of_parts
from llmgateway.errors import BadRequest
from llmgateway.providers.call_ids import CallIds
from llmgateway.providers.history import Turns, image_address, is_signed, parse_data_url, read_call, with_a_user_turn

_CALL_IDS: Final = CallIds(re.compile("[a-zA-Z0-9_-]+"), 32)
_NAMED_BY: Final = {"tool_use": "id", "tool_result": "tool_use_id"}
"""Type of a block -> its field that holds the id of a call."""
_GEMINI_BLOCK: Final = "google_part"
"""Type of the provider blocks that Gemini's answers leave in a history."""
OPAQUE_PARTS: Final = frozenset(
    {"document", "search_result", "container_upload", "image", "tool_reference", "browser_state", "compaction"}
)
"""Parts of user content that are Messages blocks already: the Messages dialect leaves them as they are."""


def turns(messages: object) -> Turns:
    """Translate a history. Raises BadRequest, naming the message, for what cannot be expressed.

    System and developer messages go to the top wherever they stood, as Anthropic's own OpenAI layer does
    (https://platform.claude.com/docs/en/cli-sdks-libraries/libraries/openai-sdk).
    """
    found = Turns()
    for index, entry in enumerate(with_a_user_turn(_entries(messages, "messages"))):
        where = f"messages.{index}"
        message = cast("Message", entry)  # an object; its fields are checked as they are read
        match message.get("role"):
            case "system" | "developer":
                found.system.extend(_text_blocks(message, where))
            case "user":
                found.add("user", _content(message.get("content"), f"{where}.content") or [_text("")])
            case "tool":
                found.add("user", [_tool_result(message, where)])
            case "assistant":
                if blocks := _assistant(message, where):
                    found.add("assistant", blocks)
            case role:
                raise BadRequest(
                    f"Claude knows no messages of role {role!r}: use system, developer, user, assistant or tool.",
                    param=f"{where}.role",
                )
    for turn in found.messages:
        blocks: list[Json] = turn["content"]
        if turn["role"] == "user":  # the results of tools come first, or the API refuses them
            blocks.sort(key=lambda block: block.get("type") != "tool_result")
        turn["content"] = _without_blank_texts(blocks)
    _end_in_no_space(found.messages)
    return found


def _entries(value: object, where: str) -> list[Json]:
    """The objects of an array. Raises BadRequest for anything else."""
    if is_array(value):
        for index, entry in enumerate(value):
            if not is_object(entry):
                raise BadRequest("An object is expected here.", param=f"{where}.{index}")
        return value
    raise BadRequest("An array is expected here.", param=where)


def _without_blank_texts(blocks: list[Json]) -> list[Json]:
    """Without texts of nothing but white space, which the API refuses, unless there is nothing else."""
    kept = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    return kept or blocks[:1]


def _end_in_no_space(messages: list[Json]) -> None:
    """Take the white space off the end of a last message of the assistant: the API refuses it there."""
    if messages and messages[-1]["role"] == "assistant" and (last := messages[-1]["content"][-1])["type"] == "text":
        messages[-1]["content"][-1] = {**last, "text": last["text"].rstrip()}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _marked(block: Json, part: Any) -> Json:
    """The block with the part's cache marker, where it has one."""
    marker = part.get("cache_control")
    return {**block, "cache_control": marker} if marker else block


def _text_blocks(message: Message, where: str) -> list[Json]:
    blocks = _content(message.get("content"), f"{where}.content")
    if any(block["type"] != "text" for block in blocks):
        raise BadRequest("System messages can hold only text.", param=f"{where}.content")
    return blocks


def _content(content: object, where: str) -> list[Json]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [_text(content)]
    return [_part(part, f"{where}.{index}") for index, part in enumerate(_entries(content, where))]


def _part(part: Json, where: str) -> Json:
    match part.get("type"):
        case "text":
            extra = {"citations": part["citations"]} if part.get("citations") else {}
            return _marked({**_text(text_of(part.get("text"))), **extra}, part)
        case "refusal":
            return _text(text_of(part.get("refusal")))
        case "image_url":
            return _marked(_image(part, where), part)
        case "file":
            return _marked(_document(part, where), part)
        case str(kind) if kind in OPAQUE_PARTS:
            return part
        case kind:
            raise BadRequest(
                f"Claude takes no content parts of type {kind!r}: send text, image_url or file.",
                code="unsupported_parameter",
                param=f"{where}.type",
            )


def _image(part: Json, where: str) -> Json:
    url = image_address(part)
    if data := parse_data_url(url):
        media_type, content = data
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": content}}
    if url.startswith(("https://", "http://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    raise BadRequest("An image is an http(s) address or a base64 data: URL.", param=f"{where}.image_url.url")


def _document(part: Json, where: str) -> Json:
    file = part.get("file")
    if not is_object(file):
        raise BadRequest("A file part needs a `file` object.", param=f"{where}.file")
    block: Json = {"type": "document", "source": _document_source(file, where)}
    if title := file.get("filename"):
        block["title"] = title
    for name in ("citations", "context"):
        if part.get(name) is not None:
            block[name] = part[name]
    return block


def _document_source(file: Json, where: str) -> Json:
    if identifier := text_of(file.get("file_id")):
        return {"type": "file", "file_id": identifier}
    if url := text_of(file.get("file_url")):
        return {"type": "url", "url": url}
    content = text_of(file.get("file_data"))
    media_type, data = parse_data_url(content) or ("application/pdf", content)
    text = _decoded(data) if media_type.startswith("text/") else None
    if text:
        return {"type": "text", "media_type": "text/plain", "data": text}
    if not data or media_type != "application/pdf":
        raise BadRequest(
            "Claude reads files that are PDF documents or plain texts in base64: send `file_data` as a data: URL of type "
            "application/pdf or text/plain.",
            param=f"{where}.file.file_data",
        )
    return {"type": "base64", "media_type": media_type, "data": data}


def _decoded(data: str) -> str | None:
    """The text that base64 holds; None where it holds none."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _tool_result(message: Message, where: str) -> Json:
    identifier = text_of(message.get("tool_call_id"))
    if not identifier:
        raise BadRequest("A tool message names the call it answers.", param=f"{where}.tool_call_id")
    content = message.get("content")
    result: Json = {"type": "tool_result", "tool_use_id": _CALL_IDS.fit(identifier)}
    if content:
        result["content"] = (
            content if isinstance(content, str) else _without_blank_texts(_content(content, f"{where}.content"))
        )
    if message.get("is_error"):
        result["is_error"] = True
    return _marked(result, message)


def _assistant(message: Message, where: str) -> list[Json]:
    """Thinking first, signatures and all, then text, then calls; or the provider's own blocks where they were kept."""
    text = _content(message.get("content"), f"{where}.content")
    if not text and message.get("refusal"):
        text = [_text(text_of(message.get("refusal")))]
    made = _entries(message.get("tool_calls") or [], f"{where}.tool_calls")
    calls = [_tool_use(call, f"{where}.tool_calls.{index}") for index, call in enumerate(made)]
    kept = [block for block in objects(message.get("provider_blocks")) if _is_messages_block(block)]
    if kept and _unchanged(kept, text, calls):
        return kept
    thinking = [block for block in objects(message.get("thinking_blocks")) if is_signed(block)]
    return [*thinking, *text, *calls]


def _is_messages_block(block: Json) -> bool:
    """Whether it is a block of the Messages API, and not of another provider or made up by a caller."""
    kind = text_of(block.get("type"))
    return kind not in {"", _GEMINI_BLOCK} and (kind != "text" or isinstance(block.get("text"), str))


def without_unsigned(messages: list[Json]) -> list[Json]:
    """A caller's own Messages history without thinking of other models, which the API would refuse."""
    kept: list[Json] = []
    for message in messages:
        blocks = message.get("content")
        if message.get("role") == "assistant" and is_array(blocks):
            mine = [block for block in blocks if not _is_foreign(block)]
            if mine or not blocks:  # a turn of nothing would be refused
                kept.append(message if len(mine) == len(blocks) else {**message, "content": mine})
        else:
            kept.append(message)
    return kept


def _is_foreign(block: Json) -> bool:
    """Whether the block is thinking of another model, or what the gateway packed for another provider."""
    return (block.get("type") == "thinking" and not block.get("signature")) or is_packed(block.get("data"))


def _unchanged(kept: list[Json], text: list[Json], calls: list[Json]) -> bool:
    """Whether the provider's blocks still say what the message says: a caller may have edited it."""
    return text_of_parts(kept) == text_of_parts(text) and _calls(kept) == _calls(calls)


def _calls(blocks: list[Json]) -> list[tuple[Any, Any]]:
    return [(block.get("id"), block.get("input")) for block in blocks if block.get("type") == "tool_use"]


def _tool_use(call: Json, where: str) -> Json:
    used = read_call(call, where)
    if not used.id:
        raise BadRequest("A tool call of the history has an id, which its result names.", param=where)
    block: Json = {"type": "tool_use", "id": _CALL_IDS.fit(used.id), "name": used.name, "input": used.arguments}
    return _marked(block, call)


def with_own_ids(messages: list[Json]) -> list[Json]:
    """A caller's own Messages history with call ids that the API takes, in place of another provider's such as `functions.f:0`."""
    return [
        {**message, "content": [_named(block) for block in blocks]}
        if is_array(blocks := message.get("content"))
        else message
        for message in messages
    ]


def _named(block: Json) -> Json:
    where = _NAMED_BY.get(block["type"])
    return {**block, where: _CALL_IDS.fit(text_of(block.get(where)))} if where else block


def collapsed(blocks: list[Json]) -> str | list[Json]:
    """The text of a lone text block without other fields, else the blocks."""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"} and blocks[0]["type"] == "text":
        return blocks[0]["text"]
    return blocks
