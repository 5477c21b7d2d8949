"""What is done when the answer has left, so that its time tells nothing."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, ParamSpec

from fastapi import BackgroundTasks

_LONGEST_SECONDS: Final = 0.3

_Given = ParamSpec("_Given")


def do_later(
    tasks: BackgroundTasks, work: Callable[_Given, Awaitable[None]], *args: _Given.args, **kwargs: _Given.kwargs
) -> None:
    """Do it soon, at no moment that can be foreseen: nor shall the next request's time tell that there was work."""

    async def unseen() -> None:
        await asyncio.sleep(random.uniform(0, _LONGEST_SECONDS))  # noqa: S311 -- blurs a time, hides no secret
        await work(*args, **kwargs)

    tasks.add_task(unseen)
