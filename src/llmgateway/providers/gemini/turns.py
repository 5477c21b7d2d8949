"""Translates canon messages to Gemini's contents: a separate system instruction, user and model turns, calls and their responses.

Pages: https://ai.google.dev/gemini-api/docs/function-calling and .../thought-signatures.
"""

from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, cast

import msgspec

from llmgateway.canon.chat import Json, Message
from llmgateway.canon.shapes import is_object, objects, text_of
from llmgateway.errors import BadRequest
from llmgateway.providers.gemini.models import GeminiModel
from llmgateway.providers.gemini.parts import answer_text, parts_of
from llmgateway.providers.history import read_call, with_a_user_turn
from llmgateway.providers.server_tools import content_in_words

BLOCK: Final = "google_part"
"""`type` of the provider blocks that hold a part of Gemini's own: `{"type": "google_part", "part": {...}}`."""
_UNSIGNED: Final = "skip_thought_signature_validator"
"""The signature that Google documents for calls of other models, or whose signature was lost."""

_SILENCE: Final[list[Json]] = [{"text": ""}]


@dataclass(slots=True)
class Contents:
    """The translated messages."""

    system: list[Json] = field(default_factory=list)
    contents: list[Json] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Id of a call -> name of its function, which the response to the call must name."""
    open_results: Json | None = None
    """The turn that the responses of parallel calls go into; media that these cannot hold follow them."""
    media: list[Json] = field(default_factory=list)

    def add(self, role: str, parts: list[Json]) -> None:
        """Append a turn; the run of responses before it is over."""
        self.end_results()
        if parts:
            self.contents.append({"role": role, "parts": parts})

    def add_result(self, response: Json, media: list[Json]) -> None:
        """Append a response to the run of responses, all of which are one turn."""
        if self.open_results is None:
            self.open_results = {"role": "user", "parts": []}
            self.contents.append(self.open_results)
        self.open_results["parts"].append({"functionResponse": response})
        self.media += media

    def end_results(self) -> None:
        """Close the run of responses."""
        if self.open_results is not None:
            self.open_results["parts"] += self.media
            self.open_results, self.media = None, []


def turns(messages: object, model: GeminiModel) -> Contents:
    """Translate a history. Raises BadRequest, naming the message, for what cannot be expressed.

    System and developer messages go into the system instruction wherever they stood: Gemini has no other place.
    """
    found = Contents()
    for index, entry in enumerate(with_a_user_turn(objects(messages))):
        where = f"messages.{index}"
        message = cast("Message", entry)  # an object; its fields are checked as they are read
        match message.get("role"):
            case "system" | "developer":
                found.system += _instruction(message, where)
            case "user":
                found.add("user", parts_of(message.get("content"), f"{where}.content") or _SILENCE)
            case "tool" | "function":
                _add_response(found, message, model, where)
            case "assistant":
                found.add("model", _model_parts(found, message, model, where))
            case role:
                raise BadRequest(
                    f"Gemini knows no messages of role {role!r}: use system, developer, user, assistant or tool.",
                    param=f"{where}.role",
                )
    found.end_results()
    found.contents = _without_silence(found.contents)
    return found


def _without_silence(contents: list[Json]) -> list[Json]:
    """Without empty turns of the user beside others of the user: Google refuses an empty text."""
    kept: list[Json] = []
    for _, run in groupby(contents, itemgetter("role")):
        turns_in_a_row = [*run]
        kept += [turn for turn in turns_in_a_row if turn["parts"] != _SILENCE] or turns_in_a_row[:1]
    return kept


def _instruction(message: Message, where: str) -> list[Json]:
    parts = parts_of(message.get("content"), f"{where}.content")
    if any("text" not in part for part in parts):
        raise BadRequest("System messages can hold only text.", param=f"{where}.content")
    return parts


def _add_response(found: Contents, message: Message, model: GeminiModel, where: str) -> None:
    identifier = message.get("tool_call_id", "")
    name = found.names.get(identifier) or message.get("name")
    if not name:
        raise BadRequest(
            f"No call of the history has the id {identifier!r}: a tool message answers a call before it.",
            param=f"{where}.tool_call_id",
        )
    content = message.get("content")
    parts = parts_of(content, f"{where}.content")
    text = content if isinstance(content, str) else "\n".join(part["text"] for part in parts if "text" in part)
    media = [part for part in parts if "text" not in part]
    response: Json = {"name": name, "response": _response(text, failed=bool(message.get("is_error")))}
    if identifier:
        response = {"id": identifier, **response}
    if media and model.takes_media_results:
        response["parts"], media = media, []
    found.add_result(response, media)


def _response(text: str, *, failed: bool) -> Json:
    """A tool's result as an object, which the API requires: its own when it is one, else the text under the documented key."""
    if failed:
        return {"error": text}
    if text.lstrip().startswith("{"):
        try:
            value: object = msgspec.json.decode(text)
        except msgspec.DecodeError:
            value = None
        if is_object(value) and value:
            return value
    return {"output": text}


def _model_parts(found: Contents, message: Message, model: GeminiModel, where: str) -> list[Json]:
    """Text, then calls; or the model's own parts where they were kept and still say the same."""
    said = parts_of(content_in_words(message), f"{where}.content")
    if not said and message.get("refusal"):
        said = [{"text": text_of(message.get("refusal"))}]
    if said and (signature := signature_of(message.get("extra_content"))):
        said[-1]["thoughtSignature"] = signature
    calls = [_call(found, call, f"{where}.tool_calls.{i}") for i, call in enumerate(objects(message.get("tool_calls")))]
    kept = own_parts(message.get("provider_blocks"))
    parts = _identified(kept, calls) if kept and _unchanged(kept, said, calls) else [*said, *calls]
    return _signed(parts) if model.signs_calls else parts


def own_parts(blocks: object) -> list[Json]:
    """Gemini's parts among the provider blocks; none when another provider made them."""
    return [part for block in objects(blocks) if block.get("type") == BLOCK and is_object(part := block.get("part"))]


def _unchanged(kept: list[Json], said: list[Json], calls: list[Json]) -> bool:
    """Whether the model's own parts still say what the message says: a caller may have edited it."""
    return answer_text(kept) == answer_text(said) and _called(kept) == _called(calls)


def _called(parts: list[Json]) -> list[tuple[Any, Any]]:
    calls = [call for part in parts if is_object(call := part.get("functionCall"))]
    return [(call.get("name"), call.get("args") or {}) for call in calls]


def _identified(kept: list[Json], calls: list[Json]) -> list[Json]:
    """The model's own parts, each call under the id that its response will name."""
    given = iter(calls)
    return [
        {**part, "functionCall": {**part["functionCall"], **_id_of(next(given))}} if "functionCall" in part else part
        for part in kept
    ]


def _id_of(call: Json) -> Json:
    function: Json = call["functionCall"]
    return {"id": function["id"]} if "id" in function else {}


def _signed(parts: list[Json]) -> list[Json]:
    """The first call of a turn carries a signature; one that has none gets the documented stand-in."""
    first = next((index for index, part in enumerate(parts) if "functionCall" in part), None)
    if first is None or any("thoughtSignature" in part for part in parts if "functionCall" in part):
        return parts
    return [*parts[:first], {**parts[first], "thoughtSignature": _UNSIGNED}, *parts[first + 1 :]]


def _call(found: Contents, call: Json, where: str) -> Json:
    used = read_call(call, where)
    made: Json = {"name": used.name, "args": used.arguments}
    if used.id:
        found.names[used.id] = used.name
        made = {"id": used.id, **made}
    part: Json = {"functionCall": made}
    if signature := signature_of(call.get("extra_content")):
        part["thoughtSignature"] = signature
    return part


def signature_of(extra: object) -> str:
    """The thought signature in an `extra_content`; empty when there is none."""
    google = extra.get("google") if is_object(extra) else None
    return text_of(google.get("thought_signature")) if is_object(google) else ""
