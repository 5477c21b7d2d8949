"""plan, the first half: which targets can serve a call at all, and why the others cannot."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object, objects, text_of
from llmgateway.catalog.abilities import Ability
from llmgateway.catalog.catalog import Catalog
from llmgateway.dataplane.plan.targets import Target
from llmgateway.errors import BadRequest, NotFound
from llmgateway.providers.history import has_unsigned_tool_turn, image_address
from llmgateway.providers.server_tools import SERVER_TOOL_PREFIX

_ALWAYS_DROPPABLE = frozenset(
    {
        "user", "metadata", "safety_identifier", "prompt_cache_key", "cache_control.scope", "reasoning.summary",
        "prediction",
    }
)  # fmt: skip
"""Parameters that never change the answer itself. They are left out where the target does not know them, and named to the caller."""
_NEVER_NEEDED = ("anthropic-beta.", SERVER_TOOL_PREFIX)
"""Flags that clients send with every request, and results of server tools without text: left out where unknown, and named."""
_ADVICE = {
    "item_reference": "It refers to an item of an earlier answer, and answers are not stored here: send the item itself, or ask "
    'with `store: false` and `include: ["reasoning.encrypted_content"]`, so that your client sends it whole.',
    "cache_warming": "Only Claude reads a prompt into its cache without an answer to it: ask for at least one token, or ask Claude.",
    "background": "Answers are not stored here to be fetched later: stream this one, or ask for it without `background`.",
}
"""What to do instead, by the name of the refused parameter or the type of the refused item."""
_SEND_IT = "Nobody fetches from an address there: send the content itself, in base64."
_PART = re.compile(r"messages\.(\d+)\.content\.(\d+)(?:\.type)?")
"""How the refusal of a whole part is written."""
_THINKING = frozenset({"thinking", "reasoning_effort"})
"""Clients of the Messages API ask every model to reason, and mean those that can: left out elsewhere, and named."""
_EFFORT = frozenset({"reasoning_effort"})
"""Left out, and named, when the answer has no room for reasoning, or a tool turn comes back without its reasoning."""
_ROOM_TO_THINK = 2_048
"""Tokens: an answer that may have no more has no room for reasoning, so the effort is left out, and named."""
_ONE_AT_A_TIME = frozenset({"parallel_tool_calls"})
"""Clients that want structured output force one tool and read its first call: left out where unknown, and named."""
_STRICT = ".strict"
"""Clients of the Messages API ask for strictness that other makers' schemas do not allow: left out there, and named."""
_ABILITY_OF_PART = {
    "image_url": Ability.VISION,
    "input_audio": Ability.AUDIO,
    "file": Ability.DOCUMENTS,
}
_NO_PDF = re.compile(r"data:(?!application/pdf)")
"""Data URLs of files that are not PDF: their text is read as text."""


class Demand(msgspec.Struct, frozen=True):
    """What a call needs of a target."""

    prompt_tokens: int
    """As the gateway counts them."""
    max_output: int | None
    """The most tokens that the answer may have; None when the caller set no limit."""
    abilities: frozenset[Ability] = frozenset()
    thinking: bool = False
    """Whether the caller asked the model to reason first."""


class Candidates(msgspec.Struct, frozen=True):
    """The targets that can serve a call, in the given order, and why the others cannot."""

    able: tuple[Target, ...]
    passed_over: Mapping[str, str] = {}
    """Target -> why it cannot serve this call."""


def demand(call: Call, prompt_tokens: int) -> Demand:
    """What a call needs, read from its body."""
    max_output = longest_asked(call.canon)
    if call.operation is not Operation.CHAT:
        return Demand(prompt_tokens, max_output)
    abilities: set[Ability] = set()
    for message in objects(call.canon.get("messages")):
        if is_array(content := message.get("content")):
            found = (_ability_of(part) for part in objects(content))
            abilities.update(ability for ability in found if ability is not None)
    if call.canon.get("tools") or call.canon.get("functions"):
        abilities.add(Ability.TOOLS)
    form = call.canon.get("response_format")
    if is_object(form) and form.get("type") == "json_schema":
        abilities.add(Ability.JSON_SCHEMA)
    return Demand(prompt_tokens, max_output, frozenset(abilities), thinking=_asks_to_think(call.canon))


def longest_asked(canon: Json) -> int | None:
    """The most tokens that the caller lets one answer have; None where it set no limit.

    Where it set both limits, the larger one counts, since hosts differ in which they heed.
    """
    newer, older = canon.get("max_completion_tokens"), canon.get("max_tokens")
    if isinstance(newer, int) and isinstance(older, int):
        return max(newer, older)
    return newer if isinstance(newer, int) else older if isinstance(older, int) else None


def _asks_to_think(canon: Json) -> bool:
    thinking = canon.get("thinking")
    if is_object(thinking):
        return thinking.get("type") != "disabled"
    return canon.get("reasoning_effort") not in {None, "none"}


def _ability_of(part: Json) -> Ability | None:
    file = part.get("file")
    if is_object(file) and _NO_PDF.match(text_of(file.get("file_data"))):
        return None
    return _ABILITY_OF_PART.get(text_of(part.get("type")))


def choose(call: Call, targets: Sequence[Target], needed: Demand, catalog: Catalog) -> Candidates:
    """Keep the targets that can honour the call, and say why the others cannot.

    What the catalogue says of abilities and of room passes a target over only when another is left: the provider itself knows
    best. Raises BadRequest `unsupported_parameter`, or NotFound, when none is left.
    """
    passed_over: dict[str, str] = {}
    able, named = _honouring(call, targets, catalog, passed_over)
    if not able and call.operation is not Operation.COUNT_TOKENS:  # who cannot count is counted for
        raise _nobody(call, passed_over, named)
    if len(able) > 1 and len({target.name for target in able}) > 1:
        able = [replace(target, context=room(target, catalog)) for target in able]
    fitting = _without(able, lambda target: _lacks(call, target, needed, catalog), passed_over)
    return Candidates(tuple(fitting), passed_over)


def _honouring(
    call: Call, targets: Sequence[Target], catalog: Catalog, passed_over: dict[str, str]
) -> tuple[list[Target], list[str]]:
    """Targets that take every parameter, and the parameters that kept the others out.

    Where nobody takes all of them, those that are left when what may be dropped is dropped.
    """
    asked: list[tuple[Target, frozenset[str]]] = []
    everything: frozenset[str] = frozenset()
    for target in targets:
        refused = _refused(call, target, catalog, passed_over)
        if refused is not None:
            asked.append((target, refused))
            everything |= refused
    if not everything and not call.left_out:
        return [target for target, _ in asked], []
    droppable = _ALWAYS_DROPPABLE.union(name for name in everything if name.startswith(_NEVER_NEEDED))
    if not _anybody(asked, droppable):
        droppable |= _spared(call, everything)
    if call.wishes.drop_unsupported and not _anybody(asked, droppable):
        droppable |= everything
    able: list[Target] = []
    named: list[str] = []
    for target, refused in asked:
        if missing := sorted(refused - droppable):
            passed_over[target.name] = f"cannot honour {', '.join(dict.fromkeys(map(call.in_body, missing)))}"
            named += missing
        else:
            dropped = refused | call.left_out
            able.append(replace(target, dropped=dropped) if dropped else target)
    return able, named


def _spared(call: Call, refused: frozenset[str]) -> frozenset[str]:
    """Parameters that are left out, and named, if no target can honour them: the answer is useful without them."""
    spared: frozenset[str] = frozenset()
    if call.dialect is Dialect.ANTHROPIC:
        spared = _THINKING.union(name for name in refused if name.endswith(_STRICT))
    limit = longest_asked(call.canon)
    if (limit is not None and limit < _ROOM_TO_THINK) or has_unsigned_tool_turn(call.canon.get("messages")):
        spared |= _EFFORT
    choice = call.canon.get("tool_choice")
    return spared | _ONE_AT_A_TIME if is_object(choice) and choice.get("type") == "function" else spared


def _anybody(asked: Iterable[tuple[Target, frozenset[str]]], droppable: frozenset[str]) -> bool:
    """Whether a target is left once the droppable parameters are dropped."""
    return any(refused <= droppable for _, refused in asked)


def _refused(call: Call, target: Target, catalog: Catalog, passed_over: dict[str, str]) -> frozenset[str] | None:
    """The parameters that the target cannot honour; None, with the reason noted, when it cannot serve such a call at all."""
    if call.operation not in target.provider.endpoints:
        passed_over[target.name] = f"{target.provider.title} has no {call.operation} endpoint"
        return None
    refused = frozenset(target.provider.refuses(call, target.model))
    if call.dialect is not Dialect.ANTHROPIC or target.provider.speaks(call):
        return refused
    known = catalog.traits(target.host.id, target.model).can(Ability.REASONING)
    return refused | _thinking_in(call.canon) if known is False else refused


def _thinking_in(canon: Json) -> frozenset[str]:
    """The parameters that ask for reasoning; none when they switch it off."""
    thinking = canon.get("thinking")
    off = not is_object(thinking) or thinking.get("type") == "disabled"
    asked = {"reasoning_effort": canon.get("reasoning_effort") not in {None, "none"}, "thinking": not off}
    return frozenset(name for name, is_asked in asked.items() if is_asked)


def _without(
    targets: Sequence[Target], lacks: Callable[[Target], str | None], passed_over: dict[str, str]
) -> Sequence[Target]:
    """The targets that lack nothing, or all of them when each lacks something."""
    if len(targets) < 2 or len({target.name for target in targets}) < 2:
        return targets
    reasons = [(target, lacks(target)) for target in targets]
    fitting = [target for target, reason in reasons if reason is None]
    if fitting:
        passed_over.update({target.name: reason for target, reason in reasons if reason is not None})
    return fitting or targets


def _lacks(call: Call, target: Target, needed: Demand, catalog: Catalog) -> str | None:
    known, model = catalog.traits(target.host.id, target.model), catalog.find(target.host.id, target.model)
    missing = {ability for ability in needed.abilities if known.can(ability) is False}
    if model is None:  # a server of one's own holds the answers of any model to a schema: its name tells nothing
        missing.discard(Ability.JSON_SCHEMA)
    if missing:
        return f"is known to lack {', '.join(sorted(missing))}"
    if doubted := target.provider.doubts(call, target.model):
        return f"is known not to take {', '.join(map(call.in_body, doubted))} as asked"
    if target.context is not None and needed.prompt_tokens + (needed.max_output or 1) > target.context:
        wanted = needed.prompt_tokens + (needed.max_output or 1)
        return f"has room for {target.context:,} tokens, the call needs {wanted:,}"
    return None


def room(target: Target, catalog: Catalog) -> int | None:
    """The target's context window in tokens: as the operator set it, else as the catalogue knows it; None is unknown."""
    if target.context is not None:
        return target.context
    known = catalog.find(target.host.id, target.model)
    return known.context_window if known else None


def _nobody(call: Call, passed_over: Mapping[str, str], named: Sequence[str]) -> BadRequest | NotFound:
    reasons = "; ".join(f"{name} {why}" for name, why in passed_over.items())
    if named:
        advice = (
            _ADVICE.get(named[0])
            or _ADVICE.get(text_of(call.canon.get(named[0])))
            or (_SEND_IT if _is_at_an_address(call.canon, named[0]) else "")
            or _leave_out({call.in_body(name) for name in named})
        )
        return BadRequest(f"{reasons}. {advice}", code="unsupported_parameter", param=call.in_body(named[0]))
    return no_model(call.model, f"{reasons}. Choose a model whose provider does.")


def _is_at_an_address(canon: Json, path: str) -> bool:
    """Whether a refused path is that of a picture or file of which the caller gives the address alone."""
    found = _PART.fullmatch(path)
    if found is None:
        return False
    part = objects(objects(canon.get("messages"))[int(found[1])].get("content"))[int(found[2])]
    file, source = part.get("file"), part.get("source")
    address = text_of(file.get("file_url")) if is_object(file) else image_address(part)
    if is_object(source):
        address = text_of(source.get("url"))
    return address.startswith(("https://", "http://"))


def _leave_out(named: Collection[str]) -> str:
    return (
        f"Leave {'it' if len(named) == 1 else 'them'} out, choose another model, "
        "or send the header `x-llmgateway-unsupported: drop` to have it left out for you."
    )


def no_model(name: str, hint: str) -> NotFound:
    """The refusal of a model that is not known, with what would help."""
    return NotFound(f"The model {name!r} cannot be served. {hint}", code="model_not_found", param="model")
