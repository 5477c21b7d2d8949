"""What a call names instead of sending it: files, vector stores, prompts and conversations that are kept at a provider."""

import re
from collections.abc import Iterator
from typing import Final

from llmgateway.canon.call import Call, Dialect
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects

_OF_THE_ACCOUNT: Final = re.compile(r"gs:|s3:|https?://[^/]*generativelanguage\.googleapis\.com", re.IGNORECASE)
"""Addresses that the provider reads with the rights of its account: Cloud Storage, S3 and Google's Files API.

Pages: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-understanding,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_S3Location.html, https://ai.google.dev/gemini-api/docs/files.
"""
_HOLDERS: Final = ("file", "source", "image_url")
_ADDRESSES: Final = ("url", "file_url", "image_url")
_PLACES_OF_TOOLS: Final = ("container", "environment", "input_image_mask")


def stored_objects(call: Call) -> list[str]:
    """Their fields, by their path in the body. What an answer gave to the caller (a response's id, a container's) is not among them."""
    return list(dict.fromkeys(_named_in(call)))


def _named_in(call: Call) -> Iterator[str]:
    body, responses = call.body, call.dialect is Dialect.RESPONSES
    if responses:
        yield from (name for name in ("conversation", "prompt") if body.get(name))
    yield from _named_by_tools(objects(body.get("tools")))
    if _names_skills(body.get("container")):
        yield "container.skills"
    field = "input" if responses else "messages"
    for place, message in enumerate(objects(body.get(field))):
        for name in ("content", "output"):
            if any(map(_is_stored, _parts(message.get(name)))):
                yield f"{field}.{place}.{name}"


def _named_by_tools(tools: list[Json]) -> Iterator[str]:
    for place, tool in enumerate(tools):
        if tool.get("vector_store_ids"):
            yield f"tools.{place}.vector_store_ids"
        for name in _PLACES_OF_TOOLS:
            held = tool.get(name)
            if is_object(held):
                yield from (f"tools.{place}.{name}.{ids}" for ids in ("file_id", "file_ids") if held.get(ids))
                if _names_skills(held):
                    yield f"tools.{place}.{name}.skills"


def _names_skills(container: object) -> bool:
    """Whether it asks for skills that were uploaded; Anthropic's own are everybody's.

    Page: https://docs.claude.com/en/docs/build-with-claude/skills-guide.
    """
    skills = objects(container.get("skills")) if is_object(container) else []
    return any("skill_id" in skill and skill.get("type") != "anthropic" for skill in skills)


def _parts(said: object) -> Iterator[Json]:
    """Of a message, or of what a tool said, those in the results of tools too."""
    for part in [said] if is_object(said) else objects(said):
        yield part
        if part.get("type") == "tool_result":
            yield from objects(part.get("content"))


def _is_stored(part: Json) -> bool:
    """OpenAI's `file_id`, in the part or in its file or picture; Anthropic's source of type `file`, and its uploads; an address."""
    for one in (part, *(value for name in _HOLDERS if is_object(value := part.get(name)))):
        if isinstance(one.get("file_id"), str):
            return True
        if any(isinstance(url := one.get(name), str) and _OF_THE_ACCOUNT.match(url) for name in _ADDRESSES):
            return True
    return False
