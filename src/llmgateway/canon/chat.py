"""OpenAI's chat shape as typed dictionaries: the canon that dialects and providers translate to and from.

Dictionaries and not objects: a body is decoded once, and fields nobody names travel on untouched. Beside OpenAI's own
fields the canon carries a few extensions, each named where it stands, so that opaque blocks of other providers survive
a round trip.
"""

from typing import Any, Literal, NotRequired, TypedDict

Json = dict[str, Any]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class FunctionCall(TypedDict):
    """`arguments` is JSON text, as the model wrote it."""

    name: str
    arguments: str


class ToolCall(TypedDict):
    """A call of a client's tool. Streamed deltas add `index` and may leave the rest out."""

    id: str
    type: Literal["function"]
    function: FunctionCall
    index: NotRequired[int]
    cache_control: NotRequired[Json]
    extra_content: NotRequired[Json]
    """Extension: `{"google": {"thought_signature": ...}}`, as Google's own compatible surface has it."""


class Message(TypedDict):
    """A message of the history, or the answer's.

    `content` is a string, None, or a list of parts (`text`, `image_url`, `input_audio`, `file`, `refusal`); a part may
    carry `cache_control` (Anthropic's marker).
    """

    role: str
    content: NotRequired[str | list[Json] | None]
    name: NotRequired[str]
    refusal: NotRequired[str | None]
    tool_calls: NotRequired[list[ToolCall]]
    tool_call_id: NotRequired[str]
    annotations: NotRequired[list[Json]]
    reasoning_content: NotRequired[str | None]
    """Extension: the model's thinking as text (DeepSeek's name for it)."""
    reasoning_summary: NotRequired[str | None]
    """Extension: the same where a summary was asked for and came (`reasoning.summary` of Responses)."""
    thinking_blocks: NotRequired[list[Json]]
    """Extension: Anthropic's `thinking` and `redacted_thinking` blocks, signature and all, to be sent back unharmed."""
    provider_blocks: NotRequired[list[Json]]
    """Extension: when the answer has more than canon can say (server tool calls and their results, citations, text
    between calls), all content blocks of the provider in their own order, whole. They go back as they came."""
    images: NotRequired[list[Json]]
    """Extension: pictures of the answer, `{"type": "image_url", "image_url": {"url": "data:..."}}`, as OpenRouter has them
    (https://openrouter.ai/docs/features/multimodal/image-generation)."""
    is_error: NotRequired[bool]
    """Extension, on role `tool`: the tool failed (Anthropic's `tool_result.is_error`)."""
    cache_control: NotRequired[Json]
    """Extension, on role `tool` and on tool calls: Anthropic's marker for the whole block."""
    extra_content: NotRequired[Json]
    """Extension: `{"google": {"thought_signature": ...}}` of the text, as Google's own compatible surface has it."""


class ChatRequest(TypedDict):
    """The body of /v1/chat/completions. OpenAI's fields, and the extensions named below; others travel on unnamed."""

    model: str
    messages: list[Message]
    stream: NotRequired[bool]
    stream_options: NotRequired[Json | None]
    max_tokens: NotRequired[int | None]
    max_completion_tokens: NotRequired[int | None]
    temperature: NotRequired[float | None]
    top_p: NotRequired[float | None]
    top_k: NotRequired[int | None]
    """Extension: many providers know it."""
    n: NotRequired[int | None]
    stop: NotRequired[str | list[str] | None]
    seed: NotRequired[int | None]
    presence_penalty: NotRequired[float | None]
    frequency_penalty: NotRequired[float | None]
    logit_bias: NotRequired[dict[str, float] | None]
    logprobs: NotRequired[bool | None]
    top_logprobs: NotRequired[int | None]
    tools: NotRequired[list[Json]]
    tool_choice: NotRequired[str | Json]
    parallel_tool_calls: NotRequired[bool]
    response_format: NotRequired[Json]
    reasoning_effort: NotRequired[str | None]
    thinking: NotRequired[Json]
    """Extension: Anthropic's setting, `{"type": "enabled", "budget_tokens": 2048}`."""
    service_tier: NotRequired[str | None]
    user: NotRequired[str | None]
    metadata: NotRequired[Json | None]
    store: NotRequired[bool | None]


class Choice(TypedDict):
    """One answer of a completion."""

    index: int
    message: Message
    finish_reason: str | None
    logprobs: NotRequired[Json | None]
    native_finish_reason: NotRequired[str | None]
    """Extension: the provider's own word for it, where it says more (`pause_turn`)."""
    stop_sequence: NotRequired[str | None]
    """Extension: the stop sequence that ended the answer (Anthropic)."""


class ChatCompletion(TypedDict):
    """The answer, whole. `usage` is OpenAI's object; typed figures travel beside it as `Usage`."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: NotRequired[Json | None]


class Delta(TypedDict, total=False):
    """What a chunk adds to a message; the same fields as `Message`, each a piece."""

    role: str
    content: str | None
    refusal: str | None
    tool_calls: list[Json]
    reasoning_content: str | None
    reasoning_summary: str | None
    thinking_blocks: list[Json]
    provider_blocks: list[Json]
    annotations: list[Json]
    images: list[Json]
    extra_content: Json


class ChunkChoice(TypedDict):
    """One choice's part of a chunk."""

    index: int
    delta: Delta
    finish_reason: str | None
    logprobs: NotRequired[Json | None]
    native_finish_reason: NotRequired[str | None]
    stop_sequence: NotRequired[str | None]


class ChatChunk(TypedDict):
    """One event of a stream."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: NotRequired[Json | None]


def chunk_of(identifier: str, model: str, delta: Delta, index: int = 0) -> ChatChunk:
    """A chunk of one choice, which goes on. `created` is 0: of most providers' streams nobody says it."""
    return {
        "id": identifier,
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": [{"index": index, "delta": delta, "finish_reason": None}],
    }


def usage_chunk(identifier: str, model: str, usage: Json | None) -> ChatChunk:
    """The chunk without choices that carries OpenAI's usage object behind the last choice."""
    return {
        "id": identifier,
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": [],
        "usage": usage,
    }
