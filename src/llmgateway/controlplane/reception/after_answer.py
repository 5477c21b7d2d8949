"""Work that is done after the answer has left, so that the time of the answer does not tell whether there was any."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, ParamSpec

from fastapi import BackgroundTasks

_LONGEST_SECONDS: Final = 0.3

_Given = ParamSpec("_Given")


def do_after_answer(
    tasks: BackgroundTasks, work: Callable[_Given, Awaitable[None]], *args: _Given.args, **kwargs: _Given.kwargs
) -> None:
    """Do the work after the answer and a random pause, so that the time of the next request does not show it either."""

    async def unseen() -> None:
        await asyncio.sleep(random.uniform(0, _LONGEST_SECONDS))  # noqa: S311 -- blurs a time, hides no secret
        await work(*args, **kwargs)

    tasks.add_task(unseen)
