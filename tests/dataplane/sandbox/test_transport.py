"""The faults of test keys that keep silent for a minute, with the minute scaled down."""

import json

import pytest

from llmgateway.dataplane.sandbox.transport import SandboxTransport
from llmgateway.kit.http import Exchange, HttpError, Trouble

QUIET = SandboxTransport(pace_seconds=0, silence_seconds=0.01)


async def _ask(fault: str, *, stream: bool) -> Exchange:
    body = {
        "model": "gpt-4.1",
        "stream": stream,
        "messages": [{"role": "user", "content": "Tell me something long, please"}],
    }
    return await QUIET.send(
        "POST",
        "sandbox://sandbox/chat/completions",
        {"x-llmgateway-fault": fault},
        json.dumps(body).encode(),
        connect_seconds=1,
    )


async def _heard(exchange: Exchange) -> tuple[list[bytes], HttpError | None]:
    """Everything until the end, and what broke it off."""
    pieces = list[bytes]()
    try:
        while piece := await exchange.piece():
            pieces.append(piece)
    except HttpError as error:
        return pieces, error
    return pieces, None


def _said(pieces: list[bytes]) -> list[str]:
    """The words of a stream."""
    events = [json.loads(piece.decode().removeprefix("data: ")) for piece in pieces]
    deltas = [choice["delta"] for event in events for choice in event.get("choices", [])]
    return [delta["content"] for delta in deltas if delta.get("content")]


@pytest.mark.parametrize("stream", [True, False])
async def test_timeout_never_answers(*, stream: bool) -> None:
    with pytest.raises(HttpError) as raised:
        await _ask("timeout", stream=stream)
    assert raised.value.trouble is Trouble.RESET


async def test_stall_says_three_words_and_ends_with_an_error() -> None:
    pieces, broken = await _heard(await _ask("stall", stream=True))
    assert len(_said(pieces[:-1])) == 3
    assert b'"error"' in pieces[-1]
    assert broken is not None


@pytest.mark.parametrize("count", [0, 1, 4])
async def test_cut_and_drop_say_as_many_words_as_they_were_asked_for(count: int) -> None:
    cut, _ = await _heard(await _ask(f"cut:{count}", stream=True))
    assert len(_said(cut[:-1])) == count
    assert b'"error"' in cut[-1]
    dropped, broken = await _heard(await _ask(f"drop:{count}", stream=True))
    assert len(_said(dropped)) == count
    assert b"error" not in b"".join(dropped)
    assert broken is not None


@pytest.mark.parametrize("fault", ["cut:2", "drop:2", "stall"])
async def test_who_waits_for_the_whole_gets_none_of_it(fault: str) -> None:
    with pytest.raises(HttpError):
        await _ask(fault, stream=False)


async def test_without_a_fault_the_stream_is_whole() -> None:
    pieces, broken = await _heard(await _ask("", stream=True))
    assert broken is None
    assert pieces[-1] == b"data: [DONE]\n\n"


@pytest.mark.parametrize(("fault", "status"), [("429", 429), ("500", 500), ("timeout", None), ("cut:2", None)])
async def test_embeddings_fail_as_they_are_asked_to(fault: str, status: int | None) -> None:
    body = json.dumps({"model": "text-embedding-3-small", "input": "a"}).encode()
    asking = QUIET.send("POST", "sandbox://sandbox/embeddings", {"x-llmgateway-fault": fault}, body, connect_seconds=1)
    if status is not None:
        assert (await asking).status == status
        return
    with pytest.raises(HttpError):
        await asking
