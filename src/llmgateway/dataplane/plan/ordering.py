"""plan, the second half: the order in which targets are asked. Pure: prices, health and chance are passed in."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from llmgateway.canon.usage import Usage
from llmgateway.catalog.catalog import Catalog
from llmgateway.dataplane.plan.fitness import Demand
from llmgateway.dataplane.plan.health import Path
from llmgateway.dataplane.plan.targets import Target
from llmgateway.dataplane.plan.threads import place_of
from llmgateway.gateway_file import Strategy
from llmgateway.kit.money import usd

_EXPECTED_OUTPUT = 500
"""Tokens of a usual answer, by which prices are compared when the caller set no limit."""


class Pulse(Protocol):
    """What ordering needs to know of health."""

    def cooled(self, path: Path) -> str | None:
        """Why a path should be asked last; None when it is well."""
        ...

    def expected_seconds(self, path: Path) -> float | None:
        """How long an answer of usual length takes; None when it should be measured."""
        ...


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the order depends on at this moment, besides the targets."""

    catalog: Catalog
    pulse: Pulse
    draw: Callable[[], float]
    """A random number in [0, 1)."""
    thread: Callable[[], bytes | None]
    """Returns what identifies the call's conversation: see threads."""
    at: datetime


class Placed(msgspec.Struct, frozen=True):
    """A target in its place, and why it has it."""

    target: Target
    why: str


_Group = Sequence[Target]
"""One target with each of its credentials."""


def ordered(targets: Sequence[Target], strategy: Strategy, needed: Demand, view: View) -> Sequence[Placed]:
    """By the strategy, credentials of one target side by side, cooled paths last. No target is ever lost.

    Credentials are in random order, for all turns of a long conversation in the same one.
    """
    groups: dict[str, list[Target]] = {}
    for target in targets:
        groups.setdefault(target.name, []).append(target)
    placed = [
        Placed(target, why)
        for group, why in _STRATEGIES[strategy](list(groups.values()), needed, view)
        for target in _spread(group, view)
    ]
    well: list[Placed] = []
    cooled: list[Placed] = []
    for place in placed:
        reason = view.pulse.cooled(place.target.path)
        if reason is None:
            well.append(place)
        else:
            cooled.append(Placed(place.target, f"cooled: {reason}"))
    return [*well, *cooled]


def _spread(group: _Group, view: View) -> Sequence[Target]:
    if len(group) == 1:
        return group
    thread = view.thread()
    if thread is None:
        return sorted(group, key=lambda _: view.draw())
    return sorted(group, key=lambda target: place_of(thread, target.credential.id))


def _by_priority(groups: Sequence[_Group], needed: Demand, view: View) -> Sequence[tuple[_Group, str]]:
    del needed, view
    return [(group, "first by priority" if not place else f"fallback {place}") for place, group in enumerate(groups)]


def _by_weight(groups: Sequence[_Group], needed: Demand, view: View) -> Sequence[tuple[_Group, str]]:
    """A weighted random order, as by drawing without replacement: each group draws an exponential time with its weight as rate."""
    del needed
    total = sum(group[0].weight for group in groups)
    drawn = sorted(groups, key=lambda group: -math.log(1 - view.draw()) / group[0].weight)
    return [(group, f"drawn with weight {group[0].weight:g} of {total:g}") for group in drawn]


def _by_price(groups: Sequence[_Group], needed: Demand, view: View) -> Sequence[tuple[_Group, str]]:
    priced = [(estimate(group[0], needed, view.catalog, view.at), group) for group in groups]
    priced.sort(key=lambda entry: (entry[0] is None, entry[0] or 0))
    return [
        (group, "unpriced, so last" if nanos is None else f"expected to cost ${usd(nanos)}") for nanos, group in priced
    ]


def _by_speed(groups: Sequence[_Group], needed: Demand, view: View) -> Sequence[tuple[_Group, str]]:
    """The fastest first; before them those that were not measured, so that they are."""
    del needed
    timed = [(_seconds(group, view), group) for group in groups]
    timed.sort(key=lambda entry: -1.0 if entry[0] is None else entry[0])
    return [(group, _speed_words(seconds)) for seconds, group in timed]


_STRATEGIES: dict[Strategy, Callable[[Sequence[_Group], Demand, View], Sequence[tuple[_Group, str]]]] = {
    "priority": _by_priority,
    "weighted": _by_weight,
    "cheapest": _by_price,
    "fastest": _by_speed,
}


def _speed_words(seconds: float | None) -> str:
    if seconds is None:
        return "not measured lately, so it is tried"
    return "failed before it was measured" if math.isinf(seconds) else f"expected to take {seconds:.1f} s"


def _seconds(group: _Group, view: View) -> float | None:
    known = [view.pulse.expected_seconds(target.path) for target in group]
    return min((seconds for seconds in known if seconds is not None), default=None)


def estimate(target: Target, needed: Demand, catalog: Catalog, at: datetime) -> int | None:
    """What the call would cost at the target, in nanos: its prompt, and its longest or else a usual answer; None is unpriced."""
    usage = Usage(prompt_tokens=needed.prompt_tokens, completion_tokens=needed.max_output or _EXPECTED_OUTPUT)
    priced = catalog.price(target.host.id, target.model, target.located(usage), at, override=target.price)
    return priced.nanos if priced else None
