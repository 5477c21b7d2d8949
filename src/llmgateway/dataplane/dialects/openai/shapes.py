"""Bodies of OpenAI's dialect as msgspec structs: the fields that are checked. All others are passed on unread."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Name = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Count = Annotated[int, Meta(ge=1)]
Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class ContentPart(Struct):
    """A part of a message's content."""

    type: str
    text: str | None = None
    image_url: dict[str, Any] | str | None = None


class CalledFunction(Struct):
    """`arguments` is JSON text."""

    name: str
    arguments: str


class CalledTool(Struct):
    """A tool call of the history."""

    id: str | None = None
    type: str = "function"
    function: CalledFunction | None = None


class HistoryMessage(Struct):
    """A message of the history."""

    role: Role
    content: str | list[ContentPart | str] | None = None
    name: str | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None


class Function(Struct):
    """A function the model may call."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Struct):
    """A tool the model may use."""

    type: str = "function"
    function: Function | None = None


class StreamOptions(Struct):
    """`include_usage` asks for the usage chunk."""

    include_usage: bool | None = None


class ResponseFormat(Struct):
    """The form the answer shall have."""

    type: str
    json_schema: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("`json_schema` is missing: it holds the name and the schema")


class ChatSettings(Struct):
    """The settings of a chat, of whichever dialect: providers rely on these types of values."""

    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    top_k: int | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: str | None = None
    service_tier: str | None = None
    modalities: list[str] | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None


class Chat(ChatSettings, kw_only=True):
    """The body of /v1/chat/completions."""

    model: Name
    messages: Annotated[list[HistoryMessage], Meta(min_length=1)]
    stream: bool | None = None


class Completions(Struct):
    """The body of /v1/completions."""

    model: Name
    prompt: str | list[Any]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Share | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    best_of: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    suffix: str | None = None
    echo: bool | None = None


class Rerank(Struct):
    """The body of /v1/rerank, in the shape that Cohere, Voyage and Jina share."""

    model: Name
    query: str
    documents: Annotated[list[str | dict[str, Any]], Meta(min_length=1)]
    top_n: Count | None = None
    top_k: Count | None = None
    """Voyage's name for it."""
    return_documents: bool | None = None


class Embeddings(Struct):
    """The body of /v1/embeddings."""

    model: Name
    input: str | list[Any]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Count | None = None
    user: str | None = None
