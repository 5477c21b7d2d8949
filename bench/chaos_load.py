"""What the chaos run asks and what it counts by itself: a provider that notes what it served, and callers who note what they got."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp import web

MODEL: Final = "counted"
_PIECE_SECONDS: Final = 0.01
_PAUSE_SECONDS: Final = 0.2
_AFTER_FAILURE: Final = 0.3
Json = dict[str, Any]


@dataclass
class Counted:
    """A provider's own books: the number that a caller sent -> tokens of prompt and answer, once it was wholly written."""

    url: str = ""
    served: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])


@asynccontextmanager
async def counting_provider() -> AsyncGenerator[Counted]:
    """On a free port. A number decides how many tokens its question and its answer have."""
    books = Counted()
    app = web.Application()

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _answer(request, books)

    app.router.add_post("/v1/chat/completions", handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    books.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield books
    finally:
        await runner.cleanup()


async def _answer(request: web.Request, books: Counted) -> web.StreamResponse:
    body: Json = await request.json()
    number = int(body["messages"][-1]["content"])
    prompt, words = 5 + number % 37, 3 + number % 9
    usage = {"prompt_tokens": prompt, "completion_tokens": words, "total_tokens": prompt + words}
    head: Json = {"id": f"c-{number}", "created": 1_700_000_000, "model": body["model"]}
    if not body.get("stream"):
        await asyncio.sleep(words * _PIECE_SECONDS)
        message = {"role": "assistant", "content": "w " * words}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        books.served[number] = (prompt, words)
        return web.json_response({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    head["object"] = "chat.completion.chunk"
    deltas: list[Json] = [{"delta": {"content": "w "}, "finish_reason": None} for _ in range(words)]
    deltas.append({"delta": {}, "finish_reason": "stop"})
    for delta in deltas:
        await response.write(_event({**head, "choices": [{"index": 0, **delta}]}))
        await asyncio.sleep(_PIECE_SECONDS)
    await response.write(_event({**head, "choices": [], "usage": usage}) + b"data: [DONE]\n\n")
    books.served[number] = (prompt, words)
    await response.write_eof()
    return response


def _event(data: Json) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


@dataclass
class Heard:
    """What callers know."""

    whole: dict[str, int] = field(default_factory=dict[str, int])
    """Request id -> the number that was asked, of answers that came to their end."""
    begun: set[str] = field(default_factory=set[str])
    """Ids of all answers that began, whole or not."""
    asked: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])


async def callers(urls: Sequence[str], keys: Sequence[str], count: int, stop: asyncio.Event) -> Heard:
    """So many of them, asking again and again until told to stop."""
    heard = Heard()
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:

        async def call(place: int) -> None:
            while not stop.is_set():
                outcome = await _ask(session, random.choice(urls), keys[place % len(keys)], heard)
                heard.outcomes[outcome] += 1
                pause = _PAUSE_SECONDS if outcome == "whole" else _AFTER_FAILURE
                await asyncio.sleep(pause * 2 * random.random())

        await asyncio.gather(*(call(place) for place in range(count)))
    return heard


def ask_once(url: str, key: str) -> None:
    """One more question, whatever comes of it."""

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            await _ask(session, url, key, Heard())

    asyncio.run(ask())


async def _ask(session: aiohttp.ClientSession, url: str, key: str, heard: Heard) -> str:
    heard.asked += 1
    number, stream = heard.asked, random.random() < 0.5
    body = {"model": MODEL, "max_tokens": 20, "stream": stream, "messages": [{"role": "user", "content": str(number)}]}
    try:
        async with session.post(
            f"{url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
        ) as answer:
            identifier = answer.headers.get("x-request-id", "")
            heard.begun.add(identifier)
            text = (await answer.read()).decode()
    except (aiohttp.ClientError, TimeoutError):
        return "broken"
    if answer.status != 200:
        return str(answer.status)
    if ("[DONE]" in text and '"error"' not in text) if stream else '"finish_reason":"stop"' in text.replace(" ", ""):
        heard.whole[identifier] = number
        return "whole"
    return "failed"
