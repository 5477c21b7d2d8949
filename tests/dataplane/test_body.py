"""Large bodies in memory: only of who has a key, bounded, an organisation's by half of that, and given back when a request ends."""

from contextlib import ExitStack
from typing import Any
from weakref import ref

import pytest

from llmgateway.dataplane.body import LargeBodies, read_body, size_of
from llmgateway.errors import TooMany, Unauthorized

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


class Piece(bytearray):
    """Of a body: whether anybody keeps it can be seen."""


class Sender:
    """Sends so many pieces, each of a quarter of a MiB or of so many bytes."""

    def __init__(self, count: int, size: int = MIB // 4) -> None:
        self.left = count
        self.size = size
        self.sent: list[ref[Piece]] = []
        self.kept: list[int] = []
        """Of those sent before, how many were in memory when the next was asked for."""

    async def __call__(self) -> dict[str, Any]:
        self.left -= 1
        self.kept.append(sum(piece() is not None for piece in self.sent))
        piece = Piece(self.size)
        self.sent.append(ref(piece))
        return {"type": "http.request", "body": piece, "more_body": self.left > 0}


async def _well() -> None:
    """Nobody has anything against it."""


async def _refuses() -> None:
    raise Unauthorized("Send a key.")


async def test_what_nobody_may_send_is_read_to_its_end_and_not_kept() -> None:
    sender = Sender(40)
    with pytest.raises(Unauthorized):
        await read_body(sender, {}, _well, _refuses)
    assert sender.kept == [0, 1, 2, 3, 4, *[1] * 35]  # the last one is in the reader's hand


async def test_of_a_stranger_next_to_nothing_is_kept_however_slowly_it_comes() -> None:
    sender = Sender(200, size=16 * 1024)
    with pytest.raises(Unauthorized):
        await read_body(sender, {}, _refuses, _well)
    assert max(sender.kept) * sender.size <= 64 * 1024
    assert sender.left == 0


@pytest.mark.parametrize(("count", "asked"), [(4, 0), (5, 1), (40, 1)])
async def test_whoever_sends_a_large_body_is_asked_for_once(count: int, asked: int) -> None:
    times = 0

    async def when_large() -> None:
        nonlocal times
        times += 1

    body = await read_body(Sender(count), {}, _well, when_large)
    assert body is not None
    assert (len(body), times) == (count * MIB // 4, asked)


def test_a_body_counts_as_large_as_its_sender_says_it_is() -> None:
    sizes = [size_of({"content-length": told}) for told in ("7", "99999999999", "x", "")]
    assert (sizes, size_of({})) == ([7, 25 * MIB, 25 * MIB, 25 * MIB], 25 * MIB)
