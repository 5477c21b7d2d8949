"""What the process tells of itself: circuits go by their provider, and nothing that was counted is kept back for long."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmgateway.contract.channels import PathHealth
from llmgateway.dataplane.observe.figures import FIGURES, RESCUES
from llmgateway.dataplane.vitals import Vitals, states
from llmgateway.kit.metrics import Metrics


def test_circuits_of_credentials_that_organisations_brought_count_under_their_provider() -> None:
    asked = {"groq/0": "closed", "groq/cred_1": "open", "groq/cred_2": "open", "lab/none": "half_open"}
    paths = [
        PathHealth(credential=name, model="m", state=state, why="", first_token_seconds=None, tokens_per_second=None)
        for name, state in asked.items()
    ]
    assert states(paths) == {("groq", "closed"): 1, ("groq", "open"): 2, ("lab", "half_open"): 1}


class _WithoutParts(Vitals):
    """Has nothing to look at."""

    def look(self) -> None: ...


@pytest.mark.parametrize("leaves", [True, False], ids=["before it leaves", "twice a second"])
async def test_what_is_counted_some_at_a_time_is_brought_up_to_date(*, leaves: bool) -> None:
    """By the watch alone: of this process nobody asks for the page."""
    metrics, waiting = Metrics(FIGURES), [3]
    counter = metrics.counter(RESCUES)
    metrics.before_reading(lambda: counter.inc(waiting.pop() if waiting else 0))
    parts = SimpleNamespace(version="1", stores={}, instruments=SimpleNamespace(catalog=SimpleNamespace(version="2")))
    watch = asyncio.create_task(_WithoutParts(metrics, cast("Any", parts)).watch())
    await asyncio.sleep(0)
    assert waiting
    if not leaves:
        async with asyncio.timeout(10):
            while waiting:  # noqa: ASYNC110 -- a counter rings no bell
                await asyncio.sleep(0.05)
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch
    assert [sample.value for metric in counter.collect() for sample in metric.samples] == [3]
