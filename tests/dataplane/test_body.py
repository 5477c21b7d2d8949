"""Large bodies in memory: bounded, an organisation's by half of that, and given back when a request ends."""

from contextlib import ExitStack

import pytest

from llmgateway.dataplane.body import LargeBodies
from llmgateway.errors import TooMany

MIB = 1024 * 1024


def test_an_organisation_fills_half_and_leaves_the_rest_to_others() -> None:
    bodies = LargeBodies(20 * MIB)
    with ExitStack() as running:
        for _ in range(2):
            running.enter_context(bodies.holding("org_1", 5 * MIB))
        with pytest.raises(TooMany, match="This organisation's requests") as refused:
            running.enter_context(bodies.holding("org_1", 2 * MIB))
        assert (refused.value.code, refused.value.retry_after) == ("concurrency_exceeded", 1)
        running.enter_context(bodies.holding("org_1", MIB))
        running.enter_context(bodies.holding("org_2", 10 * MIB))
        with pytest.raises(TooMany, match=r"^Requests of more than 1 MiB"):
            running.enter_context(bodies.holding("org_3", 2 * MIB))


def test_what_has_ended_is_held_no_more_however_it_ended() -> None:
    bodies = LargeBodies(20 * MIB)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), bodies.holding("org_1", 9 * MIB):
            raise ZeroDivisionError
    with bodies.holding("org_1", 9 * MIB), pytest.raises(TooMany), bodies.holding("org_1", 9 * MIB):
        pass
    with bodies.holding("org_1", 9 * MIB):
        pass


def test_one_body_is_always_taken_and_small_ones_are_not_counted() -> None:
    bodies = LargeBodies(2 * MIB)
    with ExitStack() as running:
        running.enter_context(bodies.holding("org_1", 25 * MIB))
        for _ in range(100):
            running.enter_context(bodies.holding("org_1", MIB))
        with pytest.raises(TooMany):
            running.enter_context(bodies.holding("org_2", 2 * MIB))
