"""GET /orgs/{org}/usage/live: requests as server-sent events, for as long as somebody may see them."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final, cast

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import RequiresBriefly, Visit, enter, identify
from llmgateway.controlplane.usage.live import Live
from llmgateway.db.session import DATABASE_ERRORS
from llmgateway.errors import Problem
from llmgateway.kit import sse

router = APIRouter(prefix="/orgs/{org}/usage", tags=["usage"])

_TURN_SECONDS: Final = 1.0
"""At most so long until the end of the process, or of the stream's time, is seen."""
_QUIET_SECONDS: Final = 15.0
"""Then a keepalive goes out."""
_CHECK_SECONDS: Final = 10.0
"""How often it is seen whether the visitor may still look."""
_DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/event-stream": {}}}}


def live_of(request: Request) -> Live:
    """The control plane's own."""
    return cast("Live", request.state.live)


@router.get("/live", response_class=StreamingResponse, responses=_DOCUMENTED)
async def watch_usage(
    visit: Annotated[Visit, RequiresBriefly(Permission.USAGE_READ)],
    request: Request,
    live: Annotated[Live, Depends(live_of)],
    seconds: Annotated[int, Query(ge=0, le=86_400, description="The stream ends after so many.")] = 3_600,
) -> StreamingResponse:
    """Requests as they are stored (`request`), totals of the day (`totals`), what was left out (`missed`), and the `end`.

    `ready` says that from here on every request is told: whoever lists requests then misses none.
    """
    live.check(visit.org.id)
    frames = _frames(live, visit, request, seconds)
    return StreamingResponse(frames, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _frames(live: Live, visit: Visit, request: Request, seconds: int) -> AsyncGenerator[bytes]:
    now = asyncio.get_running_loop().time
    until = now() + seconds
    checked = spoke = now()
    async with live.watch(visit.org.id) as stream:
        yield sse.comment(b"live")
        while not visit.deps.draining():
            if now() >= until:
                yield _end("time_is_up", "The stream was open as long as it was asked to be. Open it again.")
                return
            frames = await stream.take(min(_TURN_SECONDS, until - now()))
            if now() - checked >= _CHECK_SECONDS:
                refusal, checked = await _refusal(visit, request), now()
                if refusal is not None:
                    yield _end(refusal.code, refusal.message)
                    return
            if frames or now() - spoke >= _QUIET_SECONDS:
                spoke = now()
                yield frames or sse.comment(b"still here")
        yield _end("draining", "The gateway restarts. Open the stream again.")


async def _refusal(visit: Visit, request: Request) -> Problem | None:
    """Why the visitor may not look any more; a database that cannot be asked tells nothing new either way."""
    deps: Dependencies = visit.deps
    try:
        async with deps.database.transaction() as tx:
            person = await identify(request, deps, tx)
            await enter(person, visit.org.id, Permission.USAGE_READ, writes=False)
    except Problem as problem:
        return problem
    except DATABASE_ERRORS:
        return None
    return None


def _end(code: str, message: str) -> bytes:
    return sse.write(msgspec.json.encode({"code": code, "message": message}), b"end")
