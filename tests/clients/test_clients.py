"""Real clients, unchanged but for base URL and key: Node's `openai`, `@anthropic-ai/sdk` and `ai`, LangChain, Pydantic AI."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

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
RECORDED: Mapping[str, tuple[Mapping[str, str], Mapping[str, Any]]] = {
    # The recordings by their names in the harness, and what they hold.
    "openai": (
        {"chat": "openai/gpt-4.1.c4dc5cc", "stream": "openai/gpt-4.1.c7352f0", "tool": "openai/gpt-4.1.cb3cdac"},
        {
            "chat": "Red Delicious apples are not tasty.",
            "stream": "Southern Ocean.",
            "tool": {
                "name": "read_website",
                "input": {"url": "https://www.example.com/ai-agent-market-analysis-2023"},
            },
        },
    ),
    "anthropic": (
        {
            "chat": "anthropic/claude-sonnet-4-5.cd167df",
            "stream": "anthropic/claude-sonnet-4-5.cda6825",
            "tool": "anthropic/claude-sonnet-4-5.ce5e1aa",
        },
        {
            "chat": "2 + 2 = 4",
            "stream": "Red square, green square.",
            "tool": {"name": "current_month", "input": {}},
        },
    ),
    "gemini": (
        {
            "chat": "gemini/gemini-2.5-flash.cd407e8",
            "stream": "gemini/gemini-2.5-flash.ca0c996",
            "tool": "gemini/gemini-2.5-flash.ce2b519",
        },
        {"chat": "2014-05-21", "stream": "Midwest", "tool": {"name": "get_file", "input": {"id": "input_file_0"}}},
    ),
}


@dataclass(frozen=True, slots=True)
class Task:
    """The models by what they are asked for, and what the tool is called."""

    models: Mapping[str, str]
    tool: str = "weather"


ASKED = {model: Task(dict.fromkeys(("chat", "stream", "tool", "json"), model)) for model in MODELS}
REPLAYED = {maker: Task(models, answers["tool"]["name"]) for maker, (models, answers) in RECORDED.items()}


@dataclass
class Clients:
    """The clients of one gateway. Each is a process that does all its tasks: what it loads is large."""

    gateway: Gateway
    tasks: Mapping[str, Task]
    understood: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def got(self, client: str, name: str) -> Any:
        """What a client understood of a task."""
        if client not in self.understood:
            self.understood[client] = self._run(client)
        return json.loads(self.understood[client][list(self.tasks).index(name)])

    def _run(self, client: str) -> Sequence[str]:
        tasks = json.dumps([asdict(task) for task in self.tasks.values()])
        asked = {"GATEWAY_URL": self.gateway.url, "GATEWAY_KEY": self.gateway.key, "GATEWAY_TASKS": tasks}
        done = subprocess.run(
            PROGRAMS[client],
            env={**os.environ, **asked},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-len(self.tasks) :]


@pytest.fixture(scope="module")
def asked(gateway: Gateway) -> Clients:
    return Clients(gateway, ASKED)


@pytest.fixture(scope="module")
def replayed(recorded: Gateway) -> Clients:
    return Clients(recorded, REPLAYED)


@pytest.mark.parametrize("model", ASKED)
@pytest.mark.parametrize("client", PROGRAMS)
def test_chat_stream_tools_and_structured_output(asked: Clients, client: str, model: str) -> None:
    assert asked.got(client, model) == {
        "chat": "Hello from the model",
        "stream": "Hello from the model",
        "tool": {"name": "weather", "input": {"city": "Oslo"}},
        "json": {"city": "Oslo"},
    }


@pytest.mark.usefixtures("node_clients")
@pytest.mark.parametrize("maker", REPLAYED)
@pytest.mark.parametrize("client", PROGRAMS)
def test_what_the_real_providers_once_answered(replayed: Clients, client: str, maker: str) -> None:
    _, answers = RECORDED[maker]
    found = replayed.got(client, maker)
    assert {name: value.strip() if isinstance(value, str) else value for name, value in found.items()} == answers
