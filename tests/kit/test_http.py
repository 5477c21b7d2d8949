"""The client sends what it was told to, byte for byte."""

import asyncio

from llmgateway.kit.http import HttpClient


async def test_the_path_goes_out_as_it_was_written() -> None:
    """Signatures count on it: a colon is not an encoded colon."""
    lines = list[bytes]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, HttpClient() as client:
        url = f"http://127.0.0.1:{port}/model/a%3A0%2Fb:c/converse?alt=sse"
        exchange = await client.send("POST", url, {}, b"", connect_seconds=5)
        assert await exchange.read() == b"ok"
        exchange.close()
    assert lines == [b"POST /model/a%3A0%2Fb:c/converse?alt=sse HTTP/1.1"]
