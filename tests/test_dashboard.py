"""What browsers get at `/`: the built page with a policy, files with their caching, and a sentence where nothing was built."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from llmgateway.dashboard import Dashboard
from llmgateway.kit.asgi import Message

Json = dict[str, Any]
HTML = (b"accept", b"text/html,application/xhtml+xml")


@pytest.fixture
def dashboard(tmp_path: Path) -> Dashboard:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<meta name="csp-nonce" content="__NONCE__" />')
    (tmp_path / "assets" / "index-1a2b.js").write_text("let a = 1;\n" * 100)
    (tmp_path / "theme.js").write_text("let b = 2;")
    return Dashboard.read(tmp_path, https=True)


def scope(path: str, *headers: tuple[bytes, bytes], method: str = "GET") -> Json:
    return {"type": "http", "method": method, "path": path, "headers": list(headers)}


async def answer(dashboard: Dashboard, asked: Json) -> tuple[dict[bytes, bytes], bytes]:
    sent = list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)

    assert dashboard.serves(asked)
    await dashboard(asked, send)
    assert sent[0]["status"] == 200
    return dict(sent[0]["headers"]), sent[1]["body"]


async def test_every_address_of_the_dashboard_is_the_page_with_a_nonce_of_its_own(dashboard: Dashboard) -> None:
    headers, body = await answer(dashboard, scope("/o/acme/requests", HTML))
    policy = headers[b"content-security-policy"].decode()
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert f'content="{nonce}"'.encode() in body
    assert "unsafe-inline" not in policy
    assert "default-src 'none'" in policy
    assert headers[b"strict-transport-security"]
    assert headers[b"cache-control"] == b"no-store"
    again, _ = await answer(dashboard, scope("/", HTML))
    assert again[b"content-security-policy"] != headers[b"content-security-policy"]


async def test_the_first_address_is_the_page_for_whoever_asks(dashboard: Dashboard) -> None:
    _, body = await answer(dashboard, scope("/", (b"accept", b"*/*")))
    assert body.startswith(b"<meta")


async def test_files_with_a_hash_in_their_name_are_kept_for_ever_and_zipped(dashboard: Dashboard) -> None:
    headers, body = await answer(dashboard, scope("/assets/index-1a2b.js", (b"accept-encoding", b"gzip, br")))
    assert b"immutable" in headers[b"cache-control"]
    assert headers[b"content-encoding"] == b"gzip"
    assert gzip.decompress(body).startswith(b"let a")
    plain, whole = await answer(dashboard, scope("/theme.js"))
    assert b"immutable" not in plain[b"cache-control"]
    assert whole == b"let b = 2;"


async def test_head_has_headers_alone(dashboard: Dashboard) -> None:
    headers, body = await answer(dashboard, scope("/", HTML, method="HEAD"))
    assert int(headers[b"content-length"]) > 0
    assert body == b""


def test_the_root_is_the_dashboard_whatever_is_accepted(dashboard: Dashboard) -> None:
    assert dashboard.serves(scope("/", (b"accept", b"*/*")))


@pytest.mark.parametrize(
    "asked",
    [
        scope("/v1/models", HTML),
        scope("/api/v1/me", HTML),
        scope("/metrics", HTML),
        scope("/readyz", HTML),
        scope("/o/acme", (b"accept", b"application/json")),
        scope("/", HTML, method="POST"),
        scope("/assets/../../settings.py"),
    ],
    ids=lambda asked: f"{asked['method']} {asked['path']}",
)
def test_what_is_not_for_browsers_goes_elsewhere(dashboard: Dashboard, asked: Json) -> None:
    assert not dashboard.serves(asked)


async def test_without_a_build_it_says_what_to_do(tmp_path: Path) -> None:
    _, body = await answer(Dashboard.read(tmp_path / "none", https=False), scope("/", HTML))
    assert b"make dashboard" in body
