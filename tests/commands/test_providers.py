"""`llmgateway providers`: who can be asked, and whether a key works, against a real server."""

import asyncio
import json
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from llmgateway.cli import cli
from tests.conformance.harness import service_account


@pytest.fixture
def provider() -> Generator[str]:
    """A server that lists models for the key `good` only."""
    loop, started, address = asyncio.new_event_loop(), threading.Event(), list[str]()

    async def models(request: web.Request) -> web.Response:
        if "good" in request.headers.get("authorization", "") + request.headers.get("x-api-key", ""):
            return web.json_response({"data": []})
        return web.json_response({"error": {"message": "no such key"}}, status=401)

    async def token(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "expires_in": 3600})

    async def no_token(_: web.Request) -> web.Response:
        return web.json_response({"error": "invalid_grant", "error_description": "no such account"}, status=400)

    async def run(stop: asyncio.Event) -> None:
        app = web.Application()
        app.router.add_get("/{tail:.*}/models", models)
        app.router.add_post("/token", token)
        app.router.add_post("/no/token", no_token)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        started.set()
        await stop.wait()
        await runner.cleanup()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run(stop)))
    thread.start()
    assert started.wait(10)
    yield address[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def _config(folder: Path, text: str) -> str:
    file = folder / "gateway.yaml"
    file.write_text(text)
    return str(file)


def test_a_good_key_works_and_a_bad_one_is_told_with_the_providers_words(provider: str, tmp_path: Path) -> None:
    file = _config(
        tmp_path,
        f"providers:\n  openai: {{base_url: {provider}/v1, api_keys: [good, bad]}}\n"
        f"  anthropic: {{base_url: {provider}, api_key: good}}\n  groq: {{base_url: http://127.0.0.1:9/v1, api_key: x}}\n",
    )
    done = CliRunner().invoke(cli, ["providers", "check", "--config", file])
    lines = dict(line.split(maxsplit=1) for line in done.output.splitlines())
    assert done.exit_code == 1
    assert lines["openai/0"] == "works"
    assert lines["openai/1"] == "401: no such key"
    assert lines["anthropic/0"] == "works"
    assert "cannot be reached" in lines["groq/0"]
    assert "not tried" in lines["sandbox/none"]
    assert CliRunner().invoke(cli, ["providers", "check", "anthropic", "--config", file]).exit_code == 0


def test_the_list_says_who_is_ready_and_what_is_missing(tmp_path: Path) -> None:
    file = _config(tmp_path, "providers:\n  openai: {api_key: k}\n")
    rows = {
        row["id"]: row
        for row in json.loads(CliRunner().invoke(cli, ["providers", "list", "--json", "--config", file]).output)
    }
    assert rows["openai"]["ready"]
    assert "MISTRAL_API_KEY" in rows["mistral"]["missing"]


@pytest.mark.parametrize("form", [["--json"], []])
def test_the_list_shows_no_password_of_an_address(form: list[str], tmp_path: Path) -> None:
    file = _config(tmp_path, "providers:\n  lab: {type: openai_compatible, base_url: 'http://ann:hunter22@lab:1/v1'}\n")
    output = CliRunner().invoke(cli, ["providers", "list", *form, "--config", file]).output
    assert "http://***@lab:1/v1" in output
    assert "hunter22" not in output


def test_the_list_in_words_says_what_would_help(tmp_path: Path) -> None:
    output = CliRunner().invoke(cli, ["providers", "list", "--config", _config(tmp_path, "providers: {}\n")]).output
    lines = dict(line.split(maxsplit=1) for line in output.splitlines())
    assert lines["ollama"] == "ready: http://localhost:11434/v1"
    assert "AWS_BEARER_TOKEN_BEDROCK" in lines["bedrock"]


def test_a_check_of_somebody_unknown_or_without_a_key_says_so(tmp_path: Path) -> None:
    file = _config(tmp_path, "providers: {}\n")
    for name, words in (("nobody", "it is one of sandbox, openai"), ("mistral", "MISTRAL_API_KEY")):
        done = CliRunner().invoke(cli, ["providers", "check", name, "--config", file])
        assert done.exit_code != 0
        assert words in f"{done.output} {done.exception}"


@pytest.mark.parametrize(("path", "says"), [("/token", "works"), ("/no/token", "no such account")])
def test_an_account_that_gets_tokens_is_tried_by_getting_one(
    provider: str, path: str, says: str, tmp_path: Path
) -> None:
    account = service_account(tmp_path, 9)
    account.write_text(account.read_text().replace("http://127.0.0.1:9/token", provider + path))
    file = _config(tmp_path, f"providers:\n  vertex: {{project: p, service_account_file: {account}}}\n")
    done = CliRunner().invoke(cli, ["providers", "check", "vertex", "--config", file])
    assert says in done.output
    assert done.exit_code == (0 if says == "works" else 1)
