"""The way back: what is said to have gone out has, and no name makes a header that a server refuses."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NoReturn

import pytest

from llmgateway.canon.call import Operation
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.dataplane.inbound import Inbound
from llmgateway.dataplane.reply import UNREAD_SECONDS, Reply, departure
from llmgateway.errors import BadRequest
from llmgateway.kit.asgi import Message


async def test_an_answer_has_started_only_when_its_head_is_out() -> None:
    async def refuse(_: Message) -> None:
        raise OSError("no")

    for begin in (Reply.start_stream, Reply.break_off):
        reply = Reply(refuse, "req_1")
        with pytest.raises(OSError, match="no"):
            await begin(reply)
        assert not reply.started
    reply = Reply(refuse, "req_1")
    with pytest.raises(OSError, match="no"):
        await reply.whole(200, b"{}")
    assert not reply.started


async def test_a_header_is_safe_whatever_a_model_is_called() -> None:
    sent = list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    reply = Reply(send, "req_1")
    await reply.whole(200, b"{}", [("x-llmgateway-model", "a\x00b\x01c\x7fd\r\ne\u00e9")])
    assert reply.started
    assert dict(sent[0]["headers"])[b"x-llmgateway-model"] == b"a b c d  e\\xe9"


@pytest.mark.parametrize("mark", ["\\u0000", "\\u0001", "\\u007f", "\\n", "\\u0085"])
@pytest.mark.parametrize(
    ("dialect", "operation"),
    [
        (OpenAIDialect(), Operation.CHAT),
        (OpenAIDialect(), Operation.EMBEDDINGS),
        (AnthropicDialect(), Operation.CHAT),
        (AnthropicDialect(), Operation.COUNT_TOKENS),
        (ResponsesDialect(), Operation.CHAT),
    ],
)
def test_the_name_of_a_model_holds_no_control_character(
    dialect: DialectWriter, operation: Operation, mark: str
) -> None:
    body = '{"model": "lab/aMARKb", "max_tokens": 5, "input": "Hi", "messages": [{"role": "user", "content": "Hi"}]}'
    if isinstance(dialect, ResponsesDialect):
        body = '{"model": "lab/aMARKb", "input": "Hi"}'
    inbound = Inbound(
        operation=operation,
        dialect=dialect,
        secret=None,
        address="",
        headers={},
        body=body.replace("MARK", mark).encode(),
    )
    with pytest.raises(BadRequest) as caught:
        inbound.read(inbound.unpacked())
    assert caught.value.param == "model"
    assert "control characters" in caught.value.message


def _reply_to_one_who_takes_nothing_before(room: asyncio.Event) -> Reply:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await room.wait()

    return Reply(send, "req_1")


async def _stays() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


async def test_who_takes_nothing_of_a_stream_for_long_is_gone() -> None:
    """Or each such caller would hold its request and its provider's connection for good."""
    room = asyncio.Event()
    reply = _reply_to_one_who_takes_nothing_before(room)
    await reply.start_stream()
    stuck = asyncio.create_task(reply.piece(b"data: 1\n\n"))
    await asyncio.wait_for(departure(_stays, reply, patience=0.04), 10)
    assert reply.left
    room.set()
    await stuck
    reply.left = False
    with pytest.raises(TimeoutError):  # it took what there was: it is only quiet, as callers are
        await asyncio.wait_for(departure(_stays, reply, patience=0.04), 0.3)
    assert not reply.left


@pytest.mark.parametrize("ending", [Reply.end_stream, partial(Reply.whole, status=200)])
async def test_who_takes_nothing_of_the_last_bytes_is_gone_too(
    ending: Callable[..., Coroutine[Any, Any, None]],
) -> None:
    room = asyncio.Event()
    reply = _reply_to_one_who_takes_nothing_before(room)
    stuck = asyncio.create_task(ending(reply, body=b"{}"))
    await asyncio.wait_for(departure(_stays, reply, patience=0.04), 10)
    assert reply.left
    room.set()
    await stuck
    assert reply.unread_seconds == 0


async def test_who_still_sends_is_there_until_it_hangs_up() -> None:
    """And a caller is given five minutes to take what there is for it."""
    heard = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return heard.pop(0)

    async def send(message: Message) -> None:
        del message

    reply = Reply(send, "req_1")
    await asyncio.wait_for(departure(receive, reply), 10)
    assert (reply.left, heard, UNREAD_SECONDS) == (True, [], 300)
