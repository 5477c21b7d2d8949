"""Translates Messages bodies to canon chat requests, for every provider but Anthropic's hosts, which get the caller's own body.

Blocks that canon has no type for are kept as they are, so that a target which cannot take them refuses them by path.
Page: https://platform.claude.com/docs/en/api/messages.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from llmgateway.canon.chat import Json, Message
from llmgateway.canon.keepsake import give_back, give_back_to_calls, is_packed, unpacked
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.dataplane.dialects.anthropic.shapes import Counted, MessagesRequest, ToolChoice, check_block, check_tool
from llmgateway.errors import BadRequest
from llmgateway.providers.anthropic.answer import canon_message

WARMING: Final = "cache_warming"
"""Asks for no answer at all, so that the prompt is in the cache when it is needed: `max_tokens` is 0. Only Anthropic knows it.

Page: https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pre-warming-the-cache.
"""
_TRANSLATED: Final = frozenset(
    {
        "messages",
        "system",
        "tools",
        "tool_choice",
        "stop_sequences",
        "metadata",
        "output_config",
        "output_format",
        "service_tier",
    }
)
_EFFORT_BY_BUDGET: Final = ((4_096, "low"), (16_384, "medium"))
"""A thinking budget below the number of tokens counts as this effort: the reverse of an effort translated for Claude."""
_ADAPTIVE_EFFORT: Final = "high"
"""The documented default of adaptive thinking (https://platform.claude.com/docs/en/build-with-claude/effort)."""
_CHOICES: Final[Mapping[str, str]] = MappingProxyType({"auto": "auto", "any": "required", "none": "none"})
_TIERS: Final[Mapping[str, str]] = MappingProxyType({"standard_only": "default"})
_TOOL_FIELDS: Final = frozenset({"name", "description", "input_schema", "strict", "type"})


def canon_request(body: Json, request: Counted) -> Json:
    """The chat request of a checked body. Raises BadRequest, naming the field, for blocks that lack required fields."""
    canon: Json = {name: value for name, value in body.items() if name not in _TRANSLATED and value is not None}
    if _saves_room(body.get("context_management")):
        del canon["context_management"]
    _check_top(body.get("system"))
    canon["messages"] = [*_system(body.get("system"), "system"), *_messages(body["messages"])]
    if request.tools:
        canon["tools"] = [_tool(tool, f"tools.{index}") for index, tool in enumerate(request.tools)]
    _add_choice(canon, request.tool_choice)
    _add_effort(canon, request)
    _add_format(canon, request)
    if isinstance(request, MessagesRequest):
        _add_labels(canon, request, body)
        if not request.max_tokens:
            canon |= {"max_tokens": 1, WARMING: True}
    return canon


def _saves_room(management: object) -> bool:
    """Whether `context_management` only clears old thinking and results: a provider that ignores it merely reads a longer prompt.

    Page: https://platform.claude.com/docs/en/build-with-claude/context-editing. Claude Code sends it with every request.
    """
    if not is_object(management) or management.keys() - {"edits"}:
        return False
    return all(text_of(edit.get("type")).startswith("clear_") for edit in objects(management.get("edits")))


def _system(content: object, where: str) -> list[Message]:
    if isinstance(content, str):
        return [{"role": "system", "content": content}] if content else []
    blocks = objects(content)
    for index, block in enumerate(blocks):
        check_block(block, f"{where}.{index}")
    return [{"role": "system", "content": _collapsed(blocks)}] if blocks else []


def _check_top(system: object) -> None:
    for index, block in enumerate(objects(system)):
        if block["type"] != "text":
            raise BadRequest(f"system.{index}.type: a system prompt holds only text.", param=f"system.{index}.type")


def _messages(turns: list[Json]) -> list[Message]:
    found: list[Message] = []
    for index, turn in enumerate(turns):
        where = f"messages.{index}.content"
        content = turn["content"]
        if turn["role"] == "system":
            found += _system(content, where)
        elif isinstance(content, str):
            found.append({"role": turn["role"], "content": content})
        else:
            for position, block in enumerate(content):
                check_block(block, f"{where}.{position}")
            found += [_assistant(content)] if turn["role"] == "assistant" else _user(content, where)
    return found


def _assistant(blocks: list[Json]) -> Message:
    keepsakes = [unpacked(block["data"]) for block in blocks if is_packed(block.get("data"))]
    blocks = [block for block in blocks if not is_packed(block.get("data"))]
    message = canon_message(blocks)
    texts = [block for block in blocks if block["type"] == "text"]
    if any(block.get("cache_control") for block in texts):
        message["content"] = texts
    for keepsake in keepsakes:
        give_back(cast("Json", message), keepsake)  # a message is an object
        give_back_to_calls(cast("Json", message), keepsake)
    return message


def _user(blocks: list[Json], where: str) -> list[Message]:
    """A user turn: each tool result as a message of its own before the other content, since OpenAI wants them right after the calls."""
    indexed = [(block, f"{where}.{index}") for index, block in enumerate(blocks)]
    results = [_tool_result(block, at) for block, at in indexed if block["type"] == "tool_result"]
    said = [_part(block, at) for block, at in indexed if block["type"] != "tool_result"]
    if said or not results:
        return [*results, {"role": "user", "content": _collapsed(said)}]
    return results


def _tool_result(block: Json, where: str) -> Message:
    content = block.get("content") or ""
    if not isinstance(content, str):
        inner = objects(content)
        for index, part in enumerate(inner):
            check_block(part, f"{where}.content.{index}")
        content = _collapsed([_part(part, f"{where}.content.{index}") for index, part in enumerate(inner)])
    message: Message = {"role": "tool", "tool_call_id": block["tool_use_id"], "content": content}
    if block.get("is_error"):
        message["is_error"] = True
    if marker := block.get("cache_control"):
        message["cache_control"] = marker
    return message


def _collapsed(parts: list[Json]) -> str | list[Json]:
    """The text of a lone text part without other fields, which every host takes as a string; else the parts."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"} and parts[0]["type"] == "text":
        return parts[0]["text"]
    return parts or ""


def _part(block: Json, where: str) -> Json:
    part: Json | None = None
    if block["type"] == "image":
        url = _address(block["source"], where, "image/jpeg")
        part = {"type": "image_url", "image_url": {"url": url}} if url else None
    elif block["type"] == "document" and not _cited(block):
        part = _document(block, where)
    elif block["type"] == "search_result" and not _cited(block):
        texts = [text_of(piece.get("text")) for piece in objects(block.get("content"))]
        part = _titled(block.get("title"), block.get("source"), *texts)
    if part and block.get("cache_control"):
        part["cache_control"] = block["cache_control"]
    return part or block


def _cited(block: Json) -> bool:
    """Whether the block asks for citations, which only Anthropic's own block can."""
    citations = block.get("citations")
    return is_object(citations) and bool(citations.get("enabled"))


def _document(block: Json, where: str) -> Json | None:
    """A text document as a text part, another one as a file part; None for what only Anthropic can read."""
    source = block["source"]
    if source.get("type") == "text":
        return _titled(block.get("title"), block.get("context"), source.get("data"))
    return None if block.get("context") else _file(block, where)


def _titled(*texts: object) -> Json:
    """A text part of a document or search result: its title, source and content, parted by blank lines."""
    return {"type": "text", "text": "\n\n".join(text for text in map(text_of, texts) if text)}


def _file(block: Json, where: str) -> Json | None:
    source = block["source"]
    if text_of(source.get("type")) not in {"base64", "url"}:
        return None
    address = _address(source, where, "application/pdf")
    file: Json = {"file_url" if source["type"] == "url" else "file_data": address}
    if title := block.get("title"):
        file["filename"] = title
    return {"type": "file", "file": file}


def _address(source: Json, where: str, media_type: str) -> str | None:
    """The source as an address or data: URL; None for types that only Anthropic can read. Raises BadRequest for an incomplete one."""
    kind = source.get("type")
    if kind == "url":
        if url := text_of(source.get("url")):
            return url
        raise BadRequest(f"{where}.source.url: an address is missing.", param=f"{where}.source.url")
    if kind == "base64":
        if data := text_of(source.get("data")):
            return f"data:{text_of(source.get('media_type')) or media_type};base64,{data}"
        raise BadRequest(f"{where}.source.data: the base64 text is missing.", param=f"{where}.source.data")
    return None


def _tool(tool: Json, where: str) -> Json:
    if tool.get("type") is not None and tool["type"] != "custom":
        return tool  # a server tool: only Anthropic's hosts can honour it
    check_tool(tool, where)
    function: Json = {"name": tool["name"]}
    if tool.get("description"):
        function["description"] = tool["description"]
    function["parameters"] = tool["input_schema"]
    if tool.get("strict") is not None:
        function["strict"] = tool["strict"]
    extra = {name: value for name, value in tool.items() if name not in _TOOL_FIELDS and value is not None}
    return {"type": "function", "function": function, **extra}


def _add_choice(canon: Json, choice: ToolChoice | None) -> None:
    if choice is None:
        return
    if choice.type == "tool":
        if not choice.name:
            raise BadRequest("tool_choice.name: say which tool.", param="tool_choice.name")
        canon["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    else:
        canon["tool_choice"] = _CHOICES[choice.type]
    if choice.disable_parallel_tool_use is not None:
        canon["parallel_tool_calls"] = not choice.disable_parallel_tool_use


def _add_effort(canon: Json, request: Counted) -> None:
    """Add `reasoning_effort` for what `thinking` asks; `thinking` itself stays, for providers that know it."""
    effort = request.output_config.effort if request.output_config else None
    thinking = request.thinking
    if thinking and thinking.type == "enabled":
        budget = thinking.budget_tokens or 0
        effort = next((name for below, name in _EFFORT_BY_BUDGET if budget < below), "high")
    elif thinking and thinking.type == "adaptive":
        effort = effort or _ADAPTIVE_EFFORT
    if effort:
        canon["reasoning_effort"] = "xhigh" if effort == "max" else effort


def _add_format(canon: Json, request: Counted) -> None:
    wanted = (request.output_config and request.output_config.format) or request.output_format
    if not wanted:
        return
    schema = wanted.get("schema")
    if wanted.get("type") != "json_schema" or not is_object(schema):
        raise BadRequest("output_config.format: send {type: json_schema, schema: {...}}.", param="output_config.format")
    canon["response_format"] = {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": schema, "strict": True},
    }


def _add_labels(canon: Json, request: MessagesRequest, body: Json) -> None:
    if request.stop_sequences:
        canon["stop"] = request.stop_sequences
    if request.service_tier:
        canon["service_tier"] = _TIERS.get(request.service_tier, request.service_tier)
    if request.metadata:
        metadata = cast("Json", body["metadata"])  # Metadata was read from this object
        if request.metadata.user_id:
            canon["user"] = request.metadata.user_id
        if rest := {name: value for name, value in metadata.items() if name != "user_id"}:
            canon["metadata"] = rest
