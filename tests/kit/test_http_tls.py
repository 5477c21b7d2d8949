"""Requests and the keys in them go only where a certificate of that name is that somebody trusted vouches for."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp.connector
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from llmgateway.kit.http import HttpClient, HttpError, Trouble

Loop = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])


@pytest.mark.parametrize(
    ("name", "trusted", "arrives"),
    [("localhost", True, True), ("elsewhere.test", True, False), ("localhost", False, False)],
    ids=["its own and trusted", "of another name", "nobody vouches for it"],
)
async def test_a_request_goes_only_to_whom_the_certificate_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, trusted: bool, arrives: bool
) -> None:
    file, heard = _certificate(tmp_path, name), list[bytes]()
    if trusted:
        known = ssl.create_default_context(cafile=str(file))
        monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", known)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
    async with asyncio.timeout(10), server, HttpClient() as client:
        if arrives:
            exchange = await client.send("POST", url, {"x-key": "secret"}, b"hi", connect_seconds=5)
            assert await exchange.read() == b"ok"
        else:
            with pytest.raises(HttpError, match=r"(?i)certificate") as refused:
                await client.send("POST", url, {"x-key": "secret"}, b"hi", connect_seconds=5)
            assert refused.value.trouble is Trouble.CONNECT
    assert [b"x-key: secret" in head for head in heard] == [True] * arrives


@LOOPS
@pytest.mark.parametrize("measured", [True, False], ids=["measured", "to the end"])
@pytest.mark.parametrize(("length", "piece"), [(300_000, 1 << 20), (450_000, 50_000)])
def test_an_answer_that_is_read_slowly_is_whole_when_its_server_is_gone(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, piece: int, *, measured: bool
) -> None:
    """What TLS held back, while nobody read, was lost on uvloop; and what came to its end alone was taken for whole."""
    context, gone = _trusted(tmp_path, monkeypatch), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = context.wrap_bio(came, goes, server_side=True)

        async def spoken(speak: Callable[[], bytes | None]) -> bytes:
            while True:
                try:
                    return speak() or b""
                except ssl.SSLWantReadError:
                    writer.write(goes.read())
                    came.write(await reader.read(1 << 16))

        await spoken(secured.do_handshake)
        while not (await spoken(secured.read)).endswith(b"hi"):
            pass
        secured.write(
            b"HTTP/1.1 200 OK\r\n" + (b"content-length: %d\r\n" % length) * measured + b"\r\n" + bytes(length)
        )
        with suppress(ssl.SSLWantReadError):
            secured.unwrap()
        while said := goes.read(piece):
            writer.write(said)
            await asyncio.sleep(0.01)
        writer.close()  # it does not wait for the other's farewell
        gone.set()

    async def read() -> int:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        async with asyncio.timeout(10), server, HttpClient() as client:
            exchange = await client.send("POST", url, {}, b"hi", connect_seconds=5)
            await gone.wait()
            await asyncio.sleep(0.1)
            return len(await exchange.read())

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(read()) == length


@LOOPS
def test_what_tls_has_taken_of_a_request_is_not_sent_yet(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is not used again: the next request would stand behind what the server does not read."""
    context, heard = _trusted(tmp_path, monkeypatch), list[asyncio.StreamWriter]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        heard.append(writer)
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")

    async def ask() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        async with asyncio.timeout(10), server, HttpClient() as client:
            for _ in range(2):
                exchange = await client.send("POST", url, {}, bytes(32 << 20), connect_seconds=5)
                assert (exchange.status, await exchange.read()) == (413, b"no")
            for writer in heard:
                writer.transport.abort()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(ask())
    assert len(heard) == 2


@LOOPS
def test_a_body_of_any_length_arrives_and_leaves_its_connection(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, connections = _trusted(tmp_path, monkeypatch), list[int]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split(b"\r")[0]))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        async with asyncio.timeout(20), server, HttpClient() as client:
            for length in (1, 1 << 16, (1 << 16) + 1, 8 << 20, 3):
                body = (bytes(range(251)) * (length // 251 + 1))[:length]
                exchange = await client.send("POST", url, {}, body, connect_seconds=5)
                assert await exchange.read() == body

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(ask())
    assert len(connections) == 1


def _trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """How a server speaks whom the client trusts as localhost."""
    file = _certificate(folder, "localhost")
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context(cafile=str(file)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _certificate(folder: Path, name: str) -> Path:
    """A key and its self-signed certificate in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(
        whose, whose, key.public_key(), x509.random_serial_number(), now - timedelta(hours=1), now + timedelta(hours=1)
    )
    signed = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(key, SHA256())
    file = folder / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + signed.public_bytes(Encoding.PEM))
    return file
