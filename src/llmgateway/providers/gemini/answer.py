"""Translates answers of generateContent to canon: text, thoughts, calls, signatures, grounding, finish reason and usage.

Page: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse.
"""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from llmgateway.canon.chat import ChatCompletion, Choice, FinishReason, Json, Message, ToolCall
from llmgateway.canon.shapes import is_array, is_object, objects, text_of, word_of
from llmgateway.canon.usage import Usage, usage_object
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.gemini.parts import answer_text
from llmgateway.providers.gemini.turns import BLOCK

_FINISH: Final[Mapping[str, FinishReason]] = MappingProxyType(
    {
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "LANGUAGE": "content_filter",
        "BLOCKLIST": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "SPII": "content_filter",
        "MODEL_ARMOR": "content_filter",
        "IMAGE_SAFETY": "content_filter",
        "IMAGE_PROHIBITED_CONTENT": "content_filter",
        "IMAGE_RECITATION": "content_filter",
    }
)
_TIERS: Final[Mapping[str, str]] = MappingProxyType({"ON_DEMAND_FLEX": "flex", "ON_DEMAND_PRIORITY": "priority"})
"""Traffic of Vertex AI with a price of its own
(https://cloud.google.com/vertex-ai/generative-ai/docs/deploy/consumption-options)."""
_INCOMPLETE: Final[FinishReason] = "length"
"""The finish reason for TOO_MANY_TOOL_CALLS, OTHER and reasons not known here: the answer is incomplete."""
_UNREADABLE: Final = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"})
"""Finish reasons of an answer that Google could not parse: a failure."""
_DRIFT: Final = 64
"""Characters by which the position of a cited segment may be wrong."""
_SAYABLE: Final = frozenset({"text", "thought", "thoughtSignature", "functionCall", "partMetadata"})
"""Fields of a part that canon can hold."""


class Modality(msgspec.Struct, frozen=True, rename="camel"):
    """How many of the tokens are of one kind of content (`TEXT`, `IMAGE`, `AUDIO`, ...)."""

    modality: str = ""
    token_count: int = 0


class UsageMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """`usageMetadata`: numbers of tokens, cumulative within a stream.

    `cached_content_token_count` is a part of the prompt; thoughts and what tools fed in are counted beside prompt and candidates.
    Page: https://ai.google.dev/api/generate-content#UsageMetadata.
    """

    prompt_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    cached_content_token_count: int = 0
    total_token_count: int | None = None
    prompt_tokens_details: list[Modality] = []
    candidates_tokens_details: list[Modality] = []
    cache_tokens_details: list[Modality] | None = None
    service_tier: Any = None
    """The service tier that was served, as the Gemini API names it."""
    traffic_type: Any = None
    """The same, as Vertex AI names it."""


class Content(msgspec.Struct, frozen=True):
    """A turn."""

    parts: list[Json] = []


class Candidate(msgspec.Struct, frozen=True, rename="camel"):
    """One answer, or in a stream a piece of it."""

    index: int = 0
    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    grounding_metadata: Json | None = None
    logprobs_result: Json | None = None

    @property
    def parts(self) -> list[Json]:
        return self.content.parts if self.content else []


class Feedback(msgspec.Struct, frozen=True, rename="camel"):
    """Why a prompt was not answered."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class Response(msgspec.Struct, frozen=True, rename="camel"):
    """A GenerateContentResponse, or a frame of a stream."""

    candidates: list[Candidate] = []
    prompt_feedback: Feedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str = ""
    response_id: str = ""
    error: Json | None = None


def usage_of(response: Response, searches: int = 0) -> Usage | None:
    """Usage in OpenAI's meaning: thoughts are completion tokens, what server-side tools fed in is prompt tokens. None without a total."""
    metadata = response.usage_metadata
    if metadata is None or metadata.total_token_count is None:
        return None
    prompt = metadata.prompt_token_count + metadata.tool_use_prompt_token_count
    completion = metadata.candidates_token_count + metadata.thoughts_token_count
    cached = metadata.cache_tokens_details
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion or max(0, metadata.total_token_count - prompt),
        cached_tokens=metadata.cached_content_token_count,
        reasoning_tokens=metadata.thoughts_token_count,
        audio_prompt_tokens=_tokens(metadata.prompt_tokens_details, "AUDIO"),
        audio_completion_tokens=_tokens(metadata.candidates_tokens_details, "AUDIO"),
        image_prompt_tokens=_tokens(metadata.prompt_tokens_details, "IMAGE"),
        image_completion_tokens=_tokens(metadata.candidates_tokens_details, "IMAGE"),
        cached_audio_tokens=None if cached is None else _tokens(cached, "AUDIO"),
        cached_image_tokens=None if cached is None else _tokens(cached, "IMAGE"),
        searches=searches,
        tier=_TIERS.get(text_of(metadata.traffic_type)) or word_of(text_of(metadata.service_tier).lower()),
    )


def openai_usage(usage: Usage) -> Json:
    """OpenAI's usage object, with the tokens of sound."""
    prompt = {"cached_tokens": usage.cached_tokens, "audio_tokens": usage.audio_prompt_tokens}
    completion = {"reasoning_tokens": usage.reasoning_tokens, "audio_tokens": usage.audio_completion_tokens}
    return {**usage_object(usage), "prompt_tokens_details": prompt, "completion_tokens_details": completion}


def searches_of(candidate: Candidate) -> int:
    """The number of billed web searches behind the answer: each query once, without empty ones.

    Page: https://ai.google.dev/gemini-api/docs/google-search.
    """
    queries = (candidate.grounding_metadata or {}).get("webSearchQueries")
    return len({text_of(query) for query in queries} - {""}) if is_array(queries) else 0


def finish_of(reason: str | None, *, called: bool) -> FinishReason | None:
    """OpenAI's finish reason; None without one. `called`: the answer holds tool calls."""
    if not reason or reason == "FINISH_REASON_UNSPECIFIED":
        return None
    finish = _FINISH.get(reason, _INCOMPLETE)
    return "tool_calls" if finish == "stop" and called else finish


def unreadable(candidate: Candidate) -> ProviderError | None:
    """The failure that the finish reason means; None when it means none."""
    reason = candidate.finish_reason
    if reason not in _UNREADABLE:
        return None
    told = candidate.finish_message or "try again."
    return ProviderError(FailureKind.SERVER_ERROR, f"The model's answer was unreadable ({reason}): {told}", code=reason)


def blocked_because(feedback: Feedback) -> str:
    """A sentence that says why Google blocked the prompt."""
    return f"Google blocked the prompt ({feedback.block_reason}). {feedback.block_reason_message or ''}".strip()


def canon_answer(response: Response, model: str, usage: Usage | None) -> ChatCompletion:
    """A whole answer as a chat completion. `created` is 0: the API does not say it; `model` stands in where it says none."""
    choices = [_choice(candidate, response.response_id) for candidate in response.candidates]
    feedback = response.prompt_feedback
    if not choices and feedback and feedback.block_reason:
        message: Message = {"role": "assistant", "content": "", "refusal": blocked_because(feedback)}
        choices = [_told(0, message, "content_filter", feedback.block_reason)]
    made: ChatCompletion = {
        "id": response.response_id,
        "object": "chat.completion",
        "created": 0,
        "model": response.model_version.removeprefix("models/") or model,
        "choices": sorted(choices, key=lambda choice: choice["index"]),
    }
    if usage:
        made["usage"] = openai_usage(usage)
    return made


def thoughts_as_summary(answer: ChatCompletion) -> None:
    """Move thoughts to `reasoning_summary`, in place: Google returns summaries (https://ai.google.dev/gemini-api/docs/thinking)."""
    for choice in answer["choices"]:
        if thoughts := choice["message"].pop("reasoning_content", None):
            choice["message"]["reasoning_summary"] = thoughts


def _choice(candidate: Candidate, response_id: str) -> Choice:
    message = canon_message(candidate, response_id)
    finish = finish_of(candidate.finish_reason, called="tool_calls" in message)
    if finish == "content_filter" and not message.get("content") and candidate.finish_message:
        message["refusal"] = candidate.finish_message
    choice = _told(candidate.index, message, finish, candidate.finish_reason)
    choice["logprobs"] = canon_logprobs(candidate.logprobs_result)
    return choice


def _told(index: int, message: Message, finish: FinishReason | None, native: str | None) -> Choice:
    return {
        "index": index,
        "message": message,
        "finish_reason": finish,
        "native_finish_reason": native,
        "logprobs": None,
    }


def canon_message(candidate: Candidate, response_id: str) -> Message:
    """A candidate as an assistant message."""
    parts = candidate.parts
    text = answer_text(parts)
    calls = [part for part in parts if is_object(part.get("functionCall"))]
    message: Message = {"role": "assistant", "content": text or (None if calls else "")}
    if reasoning := "".join(text_of(part.get("text")) for part in parts if part.get("thought")):
        message["reasoning_content"] = reasoning
    if calls:
        place = f"{response_id}.{candidate.index}"
        message["tool_calls"] = [tool_call(part, f"{place}.{index}") for index, part in enumerate(calls)]
    if signature := text_signature(parts):
        message["extra_content"] = signed(signature)
    if images := [image for part in parts if (image := picture(part))]:
        message["images"] = images
    if not is_plain(parts):
        message["provider_blocks"] = blocks_of(parts)
    if annotations := url_citations(candidate.grounding_metadata, parts):
        message["annotations"] = annotations
    return message


def picture(part: Json) -> Json | None:
    """A picture that the model made, as a part of OpenAI's; None for any other part, and for drafts among its thoughts."""
    data = part.get("inlineData")
    kind = text_of(data.get("mimeType")) if is_object(data) else ""
    if not is_object(data) or part.get("thought") or not kind.startswith("image/"):
        return None
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{text_of(data.get('data'))}"}}


def text_signature(parts: Sequence[Json]) -> str:
    """The thought signature of the text; empty when there is none."""
    found = [part["thoughtSignature"] for part in parts if "text" in part and part.get("thoughtSignature")]
    return text_of(found[-1]) if found else ""


def signed(signature: str) -> Json:
    """A thought signature as Google's OpenAI surface writes it."""
    return {"google": {"thought_signature": signature}}


def tool_call(part: Json, place: str) -> ToolCall:
    """A tool call in canon, with Google's id, else a digest of the call and its `place` in the answer, the same in every reading."""
    call: Json = part["functionCall"]
    name, arguments = text_of(call.get("name")), msgspec.json.encode(call.get("args") or {}).decode()
    made = hashlib.sha256(f"{place}.{name}.{arguments}".encode()).hexdigest()[:24]
    told: ToolCall = {
        "id": text_of(call.get("id")) or f"call_{made}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    if signature := text_of(part.get("thoughtSignature")):
        told["extra_content"] = signed(signature)
    return told


def is_plain(parts: Sequence[Json]) -> bool:
    """Whether canon can hold all of these parts: text and then calls, thoughts aside."""
    said = [part for part in parts if not part.get("thought") and part.get("text") != ""]
    calls = ["functionCall" in part for part in said]
    return calls == sorted(calls) and all(part.keys() <= _SAYABLE for part in said)


def blocks_of(parts: Sequence[Json]) -> list[Json]:
    """The answer's parts as provider blocks, thoughts aside."""
    return [{"type": BLOCK, "part": part} for part in parts if not part.get("thought")]


def url_citations(grounding: Json | None, parts: Sequence[Json]) -> list[Json]:
    """OpenAI's annotations for the grounding of an answer. Positions are characters; Google's are bytes of UTF-8 within a part."""
    if not grounding:
        return []
    sources = [_source(chunk) for chunk in objects(grounding.get("groundingChunks"))]
    found: list[Json] = []
    for support in objects(grounding.get("groundingSupports")):
        start, end = _segment(support.get("segment"), parts)
        for index in support.get("groundingChunkIndices") or ():
            if isinstance(index, int) and index < len(sources) and sources[index]["url"]:
                cited = {**sources[index], "start_index": start, "end_index": end}
                found.append({"type": "url_citation", "url_citation": cited})
    return found


def canon_logprobs(result: Json | None) -> Json | None:
    """OpenAI's logprobs; None when there are none."""
    chosen = objects((result or {}).get("chosenCandidates"))
    if not chosen:
        return None
    tops = objects((result or {}).get("topCandidates"))
    content: list[Json] = []
    for position, token in enumerate(chosen):
        top = objects(tops[position].get("candidates")) if position < len(tops) else []
        content.append({**_token(token), "top_logprobs": [_token(other) for other in top]})
    return {"content": content, "refusal": None}


def _token(token: Json) -> Json:
    text = text_of(token.get("token"))
    return {"token": text, "logprob": token.get("logProbability", 0.0), "bytes": list(text.encode())}


def _source(chunk: Json) -> Json:
    inner = next((value for value in chunk.values() if is_object(value)), Json())
    return {"url": text_of(inner.get("uri")), "title": text_of(inner.get("title"))}


def _segment(segment: object, parts: Sequence[Json]) -> tuple[int, int]:
    """First character and end of a segment in the answer's text. Google's numbers are at times wrong: then its quoted words decide."""
    if not is_object(segment):
        return 0, 0
    index = segment.get("partIndex") or 0
    offset, said = len(answer_text(parts[:index])), answer_text(parts[index:])
    quoted = text_of(segment.get("text"))
    if quoted not in said:
        offset, said = 0, answer_text(parts)  # in a stream the parts are not as Google counted them
    raw = said.encode()
    start, end = (len(raw[: segment.get(name) or 0].decode(errors="ignore")) for name in ("startIndex", "endIndex"))
    if quoted and said[start:end] != quoted and (found := said.find(quoted, max(0, start - _DRIFT))) >= 0:
        start, end = found, found + len(quoted)
    return offset + start, offset + end


def _tokens(details: Sequence[Modality], kind: str) -> int:
    return sum(detail.token_count for detail in details if detail.modality == kind)
