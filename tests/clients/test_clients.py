"""Real clients, unchanged but for base URL and key: Node's `openai`, `@anthropic-ai/sdk` and `ai`, LangChain, Pydantic AI."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.gateway import Gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HERE = Path(__file__).parent
MODELS = ("openai/gpt-4.1", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash")
NODE = {name: ["node", str(HERE / "node" / "clients.mjs"), name] for name in ("openai", "anthropic", "vercel")}
PYTHON = {
    name: [sys.executable, str(HERE / "python_clients.py"), name]
    for name in ("langchain", "pydantic-ai-openai", "pydantic-ai-anthropic")
}
PROGRAMS = {**NODE, **PYTHON}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("client", PROGRAMS)
def test_chat_stream_tools_and_structured_output(gateway: Gateway, client: str, model: str) -> None:
    done = subprocess.run(
        PROGRAMS[client],
        env={**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_KEY": gateway.key, "GATEWAY_MODEL": model},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.strip().splitlines()[-1]) == {
        "chat": "Hello from the model",
        "stream": "Hello from the model",
        "tool": {"name": "weather", "input": {"city": "Oslo"}},
        "json": {"city": "Oslo"},
    }
