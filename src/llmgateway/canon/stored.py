"""What a call names instead of sending it: files, vector stores, prompts and conversations that are kept at a provider."""

from collections.abc import Iterator

from llmgateway.canon.call import Call, Dialect
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects


def stored_objects(call: Call) -> list[str]:
    """Their fields, by their path in the body. What an answer gave to the caller (a response's id, a container's) is not among them."""
    return list(dict.fromkeys(_named_in(call)))


def _named_in(call: Call) -> Iterator[str]:
    body, responses = call.body, call.dialect is Dialect.RESPONSES
    if responses:
        yield from (name for name in ("conversation", "prompt") if body.get(name))
        yield from _named_by_tools(objects(body.get("tools")))
    field = "input" if responses else "messages"
    for place, message in enumerate(objects(body.get(field))):
        for part in objects(message.get("content")):
            if _is_stored(part):
                yield f"{field}.{place}.content"


def _named_by_tools(tools: list[Json]) -> Iterator[str]:
    for place, tool in enumerate(tools):
        if tool.get("vector_store_ids"):
            yield f"tools.{place}.vector_store_ids"
        container = tool.get("container")
        if is_object(container) and container.get("file_ids"):
            yield f"tools.{place}.container.file_ids"


def _is_stored(part: Json) -> bool:
    """OpenAI's `file_id`, in the part or in its file or picture; Anthropic's source of type `file`, and its uploads."""
    inner = [value for name in ("file", "source", "image_url") if is_object(value := part.get(name))]
    return any(isinstance(one.get("file_id"), str) for one in (part, *inner))
