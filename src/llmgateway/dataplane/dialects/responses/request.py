"""Translates bodies of /v1/responses to canon chat requests (https://platform.openai.com/docs/api-reference/responses/create)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from llmgateway.canon.chat import Json
from llmgateway.canon.keepsake import give_back, give_back_to_calls, unpacked
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.dataplane.dialects.validation import refuse
from llmgateway.providers.openai_wire.responses import is_lost
from llmgateway.providers.server_tools import SERVER_TOOL_PREFIX, in_words

LOGPROBS: Final = "message.output_text.logprobs"
"""The value of `include` that asks for log probabilities in the answer."""
_DEFAULTS: Final[Json] = {"truncation": "disabled", "background": False, "store": False, "max_tool_calls": None}
_TRANSLATED: Final = frozenset(
    {
        "model", "input", "instructions", "stream", "stream_options", "tools", "tool_choice", "max_output_tokens",
        "top_logprobs", "reasoning", "text", "include",
    }
)  # fmt: skip
"""Fields that are translated; all others travel on under their own names."""
_TEXT_PARTS: Final = frozenset({"input_text", "output_text", "text", "summary_text"})


class ResponsesRequest(Struct):
    """The fields of a body that are checked."""

    model: Annotated[str, Meta(min_length=1)]
    input: str | list[dict[str, Any]] | None = None
    instructions: str | None = None
    stream: bool | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    include: list[str] | None = None
    prompt: dict[str, Any] | None = None
    """A prompt stored at the provider; it may say everything, so that `input` is not needed."""
    metadata: dict[str, Any] | None = None


def canon_request(body: Json, request: ResponsesRequest) -> tuple[Json, Mapping[str, str]]:
    """The body as a chat request, and paths of its messages -> paths in the body's `input`.

    Fields that chat has no word for stay under their own names, so that targets which cannot honour them refuse them by name.
    """
    messages, paths = _history(request)
    canon: Json = {"model": request.model, "messages": messages}
    canon |= {
        name: value
        for name, value in body.items()
        if name not in _TRANSLATED and value is not None and value != _DEFAULTS.get(name, ...)
    }
    if request.stream:
        canon["stream"] = True
    if request.max_output_tokens is not None:
        canon["max_completion_tokens"] = request.max_output_tokens
    if request.top_logprobs:
        canon |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    if request.tools:
        canon["tools"] = [_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        canon["tool_choice"] = _tool_choice(request.tool_choice)
    reasoning = request.reasoning or {}
    if (effort := reasoning.get("effort")) is not None:
        canon["reasoning_effort"] = effort
    if summary := reasoning.get("summary") or reasoning.get("generate_summary"):
        canon["reasoning.summary"] = summary
    _text_format(canon, request.text or {})
    _add_includes(canon, request.include or ())
    return canon | _unsayable(_items(request)), paths


def lost_references(request: ResponsesRequest) -> frozenset[str]:
    """Paths of references to reasoning that is stored nowhere, and is dropped: the answer is much the same without it."""
    return frozenset(f"input[{index}]" for index, item in enumerate(_items(request)) if is_lost(item))


def _unsayable(items: list[Json]) -> Json:
    """The items that chat cannot hold, by path, for targets to refuse."""
    found: Json = {}
    for index, item in enumerate(items):
        kind = _kind(item)
        if kind not in _KNOWN and not is_lost(item):
            found[f"input[{index}]"] = kind
        elif kind in _OF_SERVER_TOOLS and not in_words(item):
            found[f"{SERVER_TOOL_PREFIX}{kind}"] = True
    return found


def _add_includes(canon: Json, include: Sequence[str]) -> None:
    if LOGPROBS in include:
        canon["logprobs"] = True
    others = [name for name in include if name not in {"reasoning.encrypted_content", LOGPROBS}]
    if others:
        canon["include"] = others


def _items(request: ResponsesRequest) -> list[Json]:
    return [{"role": "user", "content": request.input}] if isinstance(request.input, str) else request.input or []


def _history(request: ResponsesRequest) -> tuple[list[Json], Mapping[str, str]]:
    items = _items(request)
    if not items and request.prompt is None and request.previous_response_id is None:
        raise refuse("input", "is missing: say something.")
    messages: list[Json] = []
    paths: dict[str, str] = {}
    if request.instructions:
        messages.append({"role": "system", "content": request.instructions})
    for index, item in enumerate(items):
        writer = _KNOWN.get(_kind(item))
        if writer is not None:
            writer(item, messages, index)
            paths.update(_item_paths(item, messages, index))
    for item in items:
        if keepsake := unpacked(item.get("encrypted_content")):
            for message in messages:
                give_back_to_calls(message, keepsake)
    return messages, paths


def _item_paths(item: Json, messages: list[Json], index: int) -> Iterator[tuple[str, str]]:
    """The path of the canon that the item was written to, and the item's own path in the body."""
    message, place = f"messages.{len(messages) - 1}", f"input[{index}]"
    match _kind(item):
        case "message":
            yield message, place
        case "function_call":
            yield f"{message}.tool_calls.{len(messages[-1]['tool_calls']) - 1}", place
        case "function_call_output":
            yield f"{message}.tool_call_id", f"{place}.call_id"
            yield f"{message}.content", f"{place}.output"
        case _:
            pass  # reasoning, and what server tools did: nobody refuses a part of it


def _kind(item: Json) -> str:
    return text_of(item.get("type")) or "message"


def _message(item: Json, messages: list[Json], index: int) -> None:
    role, content = item.get("role"), item.get("content")
    if role not in {"user", "assistant", "system", "developer"}:
        raise refuse(f"input[{index}].role", "must be user, assistant, system or developer.")
    if not isinstance(content, str) and not is_array(content):
        raise refuse(f"input[{index}].content", "must be a text or a list of parts.")
    written = content if isinstance(content, str) else [_part(part) for part in objects(content)]
    if role == "assistant":
        message = _open_assistant(messages)
        message["content"] = _plain(written)
    else:
        messages.append({"role": role, "content": written})


def _function_call(item: Json, messages: list[Json], index: int) -> None:
    name, arguments = item.get("name"), item.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, str):
        raise refuse(f"input[{index}]", "must have `name` and `arguments`, both texts.")
    call = {"id": item.get("call_id"), "type": "function", "function": {"name": name, "arguments": arguments}}
    _open_assistant(messages, with_calls=True).setdefault("tool_calls", []).append(call)


def _function_output(item: Json, messages: list[Json], index: int) -> None:
    if not isinstance(item.get("call_id"), str):
        raise refuse(f"input[{index}].call_id", "is missing: an output names the call it answers.")
    output: Any = item.get("output")
    if not isinstance(output, str) and not is_array(output):
        raise refuse(f"input[{index}].output", "must be a text or a list of parts; write an object as JSON text.")
    content = output if isinstance(output, str) else [_part(part) for part in objects(output)]
    messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": content})


def _reasoning(item: Json, messages: list[Json], index: int) -> None:
    del index
    thought = "".join(text_of(part.get("text")) for name in ("summary", "content") for part in objects(item.get(name)))
    keepsake = unpacked(item.get("encrypted_content"))
    if thought or "thinking_blocks" in keepsake:
        messages.append({"role": "assistant", "content": None})
    if thought:
        messages[-1]["reasoning_content"] = thought
    if keepsake:
        give_back(_open_assistant(messages, with_calls=True), keepsake)


def _server_tool(item: Json, messages: list[Json], index: int) -> None:
    """Write what one of OpenAI's own tools did as text; OpenAI itself gets the item, in the caller's body."""
    del index
    if said := in_words(item):
        _open_assistant(messages)["content"] = said


_OF_SERVER_TOOLS: Final = ("web_search_call", "file_search_call", "code_interpreter_call", "mcp_call", "mcp_list_tools")
_KNOWN: Final = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_output,
    "reasoning": _reasoning,
    **dict.fromkeys(_OF_SERVER_TOOLS, _server_tool),
}


def _open_assistant(messages: list[Json], *, with_calls: bool = False) -> Json:
    """The assistant message of the present turn, or a new one: reasoning, text and calls of a turn are one message."""
    last = messages[-1] if messages else None
    if (
        last is not None
        and last["role"] == "assistant"
        and (with_calls or (last["content"] is None and "tool_calls" not in last))
    ):
        return last
    message: Json = {"role": "assistant", "content": None}
    messages.append(message)
    return message


def _part(part: Json) -> Json:
    kind = part.get("type")
    if kind in _TEXT_PARTS:
        return {"type": "text", "text": text_of(part.get("text"))}
    if kind == "refusal":
        return {"type": "text", "text": text_of(part.get("refusal"))}
    if kind == "input_image" and part.get("image_url"):
        image = {"url": part.get("image_url"), "detail": part.get("detail")}
        return {"type": "image_url", "image_url": {name: value for name, value in image.items() if value is not None}}
    if kind == "input_file":
        return {"type": "file", "file": {name: value for name, value in part.items() if name != "type"}}
    return part


def _plain(content: str | list[Json]) -> str | list[Json]:
    """An assistant's text parts as one text."""
    if isinstance(content, str) or any(part.get("type") != "text" for part in content):
        return content
    return "".join(part["text"] for part in content)


def _tool(tool: Json) -> Json:
    """A function tool in chat's form; other tools unchanged, for providers that know them."""
    if tool.get("type") != "function":
        return tool
    function = {
        name: tool[name] for name in ("name", "description", "parameters", "strict") if tool.get(name) is not None
    }
    return {"type": "function", "function": function}


def _tool_choice(choice: str | Json) -> str | Json:
    if is_object(choice) and choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice.get("name")}}
    if is_object(choice) and choice.get("type") == "allowed_tools":
        allowed = [_tool(tool) for tool in objects(choice.get("tools"))]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.get("mode"), "tools": allowed}}
    return choice


def _text_format(canon: Json, text: Json) -> None:
    form = text.get("format")
    if is_object(form) and form.get("type") == "json_schema":
        schema = {
            name: form[name] for name in ("name", "description", "schema", "strict") if form.get(name) is not None
        }
        canon["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif is_object(form) and form.get("type") == "json_object":
        canon["response_format"] = {"type": "json_object"}
    if text.get("verbosity") not in {None, "medium"}:
        canon["verbosity"] = text["verbosity"]
