"""Retries are a share of what an organisation asks: an outage is not answered with three times the load."""

import asyncio

from llmgateway.dataplane.dispatch.retries import Retries
from llmgateway.errors import Problem
from llmgateway.kit.clock import ManualClock
from tests.dataplane.dispatch.labs import Labs, Scene
from tests.dataplane.routing import NOON, chat


def _spent(retries: Retries, org: str = "a") -> int:
    """How many extra attempts are left, and all of them taken."""
    left = 0
    while retries.spend(org):
        left += 1
    return left


def test_a_quiet_organisation_has_a_reserve_that_comes_back() -> None:
    clock = ManualClock(NOON)
    retries = Retries(clock)
    retries.earn("a")
    assert _spent(retries) == 100
    clock.advance(0.35)
    assert _spent(retries) == 3
    clock.advance(3600)
    assert _spent(retries) == 100


def test_a_busy_organisation_has_one_for_five_requests_up_to_a_thousand() -> None:
    retries = Retries(ManualClock(NOON))
    retries.earn("a")
    assert _spent(retries) == 100
    for _ in range(53):
        retries.earn("a")
    assert _spent(retries) == 10
    for _ in range(10_000):
        retries.earn("a")
    assert _spent(retries) == 1000


def test_one_organisation_uses_up_nobody_elses() -> None:
    refusals: list[int] = []
    retries = Retries(ManualClock(NOON), lambda: refusals.append(1))
    for org in ("a", "b"):
        retries.earn(org)
    assert (_spent(retries, "a"), len(refusals), _spent(retries, "b")) == (100, 1, 100)


async def test_an_outage_is_asked_little_more_than_its_callers_ask() -> None:
    """Each of them would make three attempts."""
    scene = Scene(Labs(e=500))
    told = await asyncio.gather(*(scene.ask(chat("openai/gpt-4.1")) for _ in range(200)), return_exceptions=True)
    assert all(isinstance(one, Problem) for one in told)
    assert len(scene.labs.asked) == 200 + 139  # what is in reserve, and a fifth of all after the first
    assert scene.unretried


async def test_other_targets_are_asked_without_a_share() -> None:
    scene = Scene(Labs(a=500, b=500, c=500))
    scene.retries.earn("org_1")
    assert _spent(scene.retries, "org_1") == 100
    served = await scene.ask()
    assert served.target.name == "three/m"
    assert scene.labs.asked[1:] == ["c", "d"], "each once"
