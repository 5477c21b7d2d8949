"""What a chat can ask, one feature at a time, and how to see that it arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json
from llmgateway.errors import BadRequest
from llmgateway.providers.base import UpstreamRequest
from tests.conformance.meaning import Asked
from tests.conformance.targets import Target, chat

DATA: Final = "iVBORw0KGgo="
SOUND: Final = "UklGRiQAAABXQVZF"
PAPER: Final = "JVBERi0xLjQK"
ADDRESS: Final = "https://example.com/cat.png"
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
    "required": ["city", "country"],
    "additionalProperties": False,
}
WEATHER: Final[Json] = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells the weather", "parameters": SCHEMA},
}
TIME: Final[Json] = {"type": "function", "function": {"name": "time", "parameters": SCHEMA}}
DECLARED: Final = ("weather", "Tells the weather", ("city", "country"))
IMAGE: Final[Json] = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}


@dataclass(frozen=True)
class Feature:
    """Something to ask for. Exactly one of two things becomes of it: it arrives, or it is refused by name."""

    name: str
    body: Json
    expected: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings that arrive; `...` for any value at all. The other fields of Asked by their names, with a leading `.`."""
    roots: tuple[str, ...] = ()
    """Where a refusal may point, beside the names of `body`."""
    reasoner: bool = False
    """It is asked of a model that thinks."""


def _user(*parts: Json) -> list[Json]:
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *parts]}]


def _sampling(name: str, value: Any, expected: Any = None) -> Feature:
    return Feature(name, {name: value}, {name: value if expected is None else expected})


_CALL: Final[Json] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Zürich", "country": "CH"}'},
}
_HISTORY: Final[list[Json]] = [
    {"role": "user", "content": "What is the weather?"},
    {"role": "assistant", "content": None, "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
]

FEATURES: Final = (
    Feature("text", {}, {".user": ("Hello",)}),
    Feature(
        "system messages",
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]},
        {".system": "Be brief.", ".user": ("Hello",)},
    ),
    Feature(
        "developer messages",
        {"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello"}]},
        {".system": "Be brief.", ".user": ("Hello",)},
    ),
    _sampling("max_tokens", 123),
    Feature("max_completion_tokens", {"max_completion_tokens": 124}, {"max_tokens": 124}),
    _sampling("temperature", 0.25),
    _sampling("top_p", 0.5),
    _sampling("top_k", 7),
    _sampling("stop", "END", ["END"]),
    Feature("several stop sequences", {"stop": ["END", "FIN"]}, {"stop": ["END", "FIN"]}),
    _sampling("seed", 4711),
    _sampling("presence_penalty", 0.5),
    _sampling("frequency_penalty", 0.5),
    _sampling("n", 2),
    Feature("logprobs", {"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    _sampling("logit_bias", {"50256": -100.0}),
    Feature("reasoning_effort", {"reasoning_effort": "medium"}, {"reasoning_effort": ...}, reasoner=True),
    Feature("tools", {"tools": [WEATHER]}, {"tools": [DECLARED]}),
    Feature(
        "strict tools",
        {"tools": [{**WEATHER, "function": {**WEATHER["function"], "strict": True}}]},
        {"tools": [DECLARED], "strict": True},
    ),
    Feature(
        "one tool at a time",
        {"tools": [WEATHER], "parallel_tool_calls": False},
        {"tools": [DECLARED], "parallel_tool_calls": False},
    ),
    Feature("tool_choice required", {"tools": [WEATHER, TIME], "tool_choice": "required"}, {"tool_choice": "required"}),
    Feature(
        "tool_choice by name",
        {"tools": [WEATHER, TIME], "tool_choice": {"type": "function", "function": {"name": "time"}}},
        {"tool_choice": "time"},
    ),
    Feature(
        "tool results",
        {"messages": _HISTORY, "tools": [WEATHER]},
        {".calls": (("weather", {"city": "Zürich", "country": "CH"}),), ".results": ("sunny",)},
    ),
    Feature(
        "images in tool results",
        {
            "messages": [*_HISTORY[:2], {**_HISTORY[2], "content": [{"type": "text", "text": "sunny"}, IMAGE]}],
            "tools": [WEATHER],
        },
        {".results": ("sunny",), ".media": (DATA,)},
        ("messages.2", "messages[2]"),
    ),
    Feature(
        "json_schema",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}},
        {"schema": ("city", "country")},
    ),
    Feature("json_object", {"response_format": {"type": "json_object"}}, {"json": True}),
    Feature("images", {"messages": _user(IMAGE)}, {".media": (DATA,)}, ("messages.0",)),
    Feature(
        "images by address",
        {"messages": _user({"type": "image_url", "image_url": {"url": ADDRESS}})},
        {".media": (ADDRESS,)},
        ("messages.0",),
    ),
    Feature(
        "PDF files",
        {
            "messages": _user(
                {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PAPER}"}}
            )
        },
        {".media": (PAPER,)},
        ("messages.0",),
    ),
    Feature(
        "sound",
        {"messages": _user({"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}})},
        {".media": (SOUND,)},
        ("messages.0",),
    ),
    _sampling("service_tier", "flex"),
    _sampling("user", "u-1"),
    _sampling("metadata", {"team": "blue"}),
    _sampling("store", True),
    _sampling("verbosity", "low"),
    Feature("prediction", {"prediction": {"type": "content", "content": "a"}}, {"prediction": ...}),
    Feature("web_search_options", {"web_search_options": {"search_context_size": "low"}}, {"web_search_options": ...}),
)
ARRIVES: Final = "arrives"
REFUSED: Final = "refused"


def outcome(target: Target, feature: Feature) -> str:
    """What becomes of the feature: ARRIVES or REFUSED. Fails for anything else."""
    call = chat(feature.body)
    model = target.reasoner if feature.reasoner else target.model
    refused = target.provider.refuses(call, model)
    if refused:
        _of_it(feature, refused)
        request = target.provider.build(call, target.place(model=model, dropped=frozenset(refused)))
        assert not _arrived(feature, target.wire.asked(target.provider, request)), f"{refused} was sent all the same"
        return REFUSED
    request = _built(target, call, model)
    if isinstance(request, BadRequest):
        assert request.code == "unsupported_parameter", request.message
        _of_it(feature, [request.param or ""])
        return REFUSED
    asked = target.wire.asked(target.provider, request)
    assert _arrived(feature, asked), f"lost: {asked}"
    _to_whom(target, model, request)
    return ARRIVES


def _built(target: Target, call: Call, model: str) -> UpstreamRequest | BadRequest:
    try:
        return target.provider.build(call, target.place(model=model))
    except BadRequest as refusal:
        return refusal


def _of_it(feature: Feature, refused: Sequence[str]) -> None:
    roots = (*feature.roots, *(name for name in feature.body if name != "messages"))
    strangers = [path for path in refused if not path.startswith(roots)]
    assert not strangers, f"refused what nobody asked: {strangers}"


def _arrived(feature: Feature, asked: Asked) -> bool:
    for name, wanted in feature.expected.items():
        found: Any = getattr(asked, name[1:]) if name.startswith(".") else asked.settings.get(name)
        if found is None or (wanted is not ... and found != wanted):
            return False
    return True


def _to_whom(target: Target, model: str, request: UpstreamRequest) -> None:
    """Each request names the model, and carries the credential where the provider wants one."""
    assert model.partition(":")[0] in request.url + request.body.decode()
    credential = "".join(request.headers.values()) + request.url
    assert all(f"secret-{name}" in credential for name in target.host.credential)
