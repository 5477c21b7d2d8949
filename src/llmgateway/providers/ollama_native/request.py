"""Writes bodies of Ollama's own API from canon requests, and tells which fields of a request it cannot honour.

Pages: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/embed.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, without_nulls
from llmgateway.errors import BadRequest
from llmgateway.providers.embeddings import unhonoured
from llmgateway.providers.history import image_address, read_call
from llmgateway.providers.paths import leave_out
from llmgateway.providers.refusing import message_fields, unknown_parameters
from llmgateway.providers.server_tools import blocks_without_words, content_in_words

_OPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "seed": "seed",
        "max_tokens": "num_predict",
        "max_completion_tokens": "num_predict",
        "presence_penalty": "presence_penalty",
        "frequency_penalty": "frequency_penalty",
    }
)
_OWN: Final = ("options", "keep_alive", "think")
"""Ollama's fields without an OpenAI name: they travel through canon under their own."""
_HONOURED: Final = frozenset(
    {"model", "messages", "stream", "stream_options", "stop", "tools", "reasoning_effort", "thinking", *_OPTIONS, *_OWN}
)
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
_KNOWN: Final = _HONOURED | {"response_format", "tool_choice"}
_FORMATS: Final = (None, "text", "json_object", "json_schema")


def chat_body(given: Mapping[str, Any], model: str, *, stream: bool, dropped: frozenset[str]) -> Json:
    """The body of /api/chat."""
    canon = without_nulls(leave_out(given, dropped) if dropped else given)
    body: Json = {"model": model, "stream": stream, "messages": list(_turns(objects(canon.get("messages"))))}
    options = {theirs: canon[ours] for ours, theirs in _OPTIONS.items() if ours in canon}
    if stop := canon.get("stop"):
        options["stop"] = stop if is_array(stop) else [stop]
    own = canon.get("options")
    if options or is_object(own):
        body["options"] = {**options, **(own if is_object(own) else {})}
    if canon.get("tools") and canon.get("tool_choice") != "none":
        body["tools"] = [{"type": "function", "function": tool["function"]} for tool in objects(canon["tools"])]
    wanted = canon.get("response_format")
    if is_object(wanted) and wanted.get("type") == "json_object":
        body["format"] = "json"
    elif is_object(wanted) and wanted.get("type") == "json_schema":
        body["format"] = wanted["json_schema"].get("schema") or "json"
    think = _think(canon)
    if think is not None:
        body["think"] = think
    return body | {name: canon[name] for name in ("keep_alive", "think") if name in canon}


def embed_body(canon: Mapping[str, Any], model: str) -> Json:
    """The body of /api/embed."""
    kept = {name: canon[name] for name in ("input", "dimensions", "truncate", *_OWN[:2]) if canon.get(name) is not None}
    return {"model": model, **kept}


def refusals(given: Mapping[str, Any]) -> list[str]:
    """Paths of the canon request that cannot be honoured; a parameter at its default is honoured by absence."""
    canon = without_nulls(given)
    found = unknown_parameters(canon, _KNOWN)
    if canon.get("tool_choice") not in (None, "auto", "none"):
        found.append("tool_choice")
    wanted = canon.get("response_format")
    if (wanted.get("type") if is_object(wanted) else wanted) not in _FORMATS:
        found.append("response_format")
    found += [f"tools.{n}.type" for n, tool in enumerate(objects(canon.get("tools"))) if "function" not in tool]
    messages = objects(canon.get("messages"))
    return [*found, *message_fields(messages), *blocks_without_words(messages), *_foreign_parts(messages)]


def embedding_refusals(canon: Mapping[str, Any]) -> list[str]:
    """What has no counterpart, by name; token ids have no place there either."""
    given: object = canon.get("input")
    ids = is_array(given) and any(not isinstance(item, str) for item in given)
    return [*(["input"] if ids else []), *unhonoured(canon, ("truncate", *_OWN[:2]))]


def _think(canon: Json) -> bool | str | None:
    wanted, effort = canon.get("thinking"), text_of(canon.get("reasoning_effort"))
    if is_object(wanted):
        return wanted.get("type") != "disabled"
    if not effort:
        return None
    return False if effort == "none" else {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)


def _turns(messages: list[Json]) -> Iterator[Json]:
    names: dict[str, str] = {}
    for index, message in enumerate(messages):
        role = text_of(message.get("role"))
        if role not in _ROLES:
            raise BadRequest(
                f"Ollama knows no messages of role {role!r}: use system, developer, user, assistant or tool.",
                param=f"messages.{index}.role",
            )
        turn: Json = {"role": "system" if role == "developer" else role, "content": _text(content_in_words(message))}
        images = [_image(part) for part in objects(message.get("content")) if part.get("type") == "image_url"]
        if images:
            turn["images"] = images
        if message.get("reasoning_content"):
            turn["thinking"] = message["reasoning_content"]
        made = enumerate(objects(message.get("tool_calls")))
        calls = [read_call(call, f"messages.{index}.tool_calls.{place}") for place, call in made]
        if calls:
            turn["tool_calls"] = [{"function": {"name": call.name, "arguments": call.arguments}} for call in calls]
            names.update({call.id: call.name for call in calls})
        if role == "tool":
            turn["tool_name"] = names.get(text_of(message.get("tool_call_id")), "")
        yield turn


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    texts = [text_of(part.get("text")) or text_of(part.get("refusal")) for part in objects(content)]
    return "\n".join(text for text in texts if text)


def _image(part: Json) -> str:
    return image_address(part).partition(",")[2]


def _foreign_parts(messages: list[Json]) -> Iterator[str]:
    """Pictures come as data only, and nothing else comes beside text."""
    for index, message in enumerate(messages):
        for place, part in enumerate(objects(message.get("content"))):
            kind = part.get("type")
            if kind not in {"text", "refusal", "image_url"} or (
                kind == "image_url" and not image_address(part).startswith("data:")
            ):
                yield f"messages.{index}.content.{place}"
