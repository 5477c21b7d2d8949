"""Requests and the keys in them go only where a certificate of that name is that somebody trusted vouches for."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp.connector
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from llmgateway.kit.http import HttpClient, HttpError, Trouble


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
