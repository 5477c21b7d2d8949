"""Every public recording through a running gateway, judged by the harness that reviewers use (../shared/acceptance)."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.conformance.harness import ABSENT, ENVIRONMENT, HARNESS, free_port, replay, replay_config
from tests.e2e.gateway import run_gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RIGHT_ANSWERS = 0.98
"""Of those that the harness judges: equal in text, tool calls, finish reason, usage and errors."""
KEPT_FIELDS = 0.985
"""Of the requests' fields: arrived, or refused by name."""

OTHER_WIRES = {"ollama:ollama.chat": "ollama_native", "ollama:ollama.embed": "ollama_native"}
"""Recordings of a provider's second wire, and who speaks it here."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """What the harness found."""

    results: list[Json]

    @property
    def judged(self) -> list[Json]:
        return [result for result in self.results if result["verdict"] != "na"]

    @property
    def wrong(self) -> list[str]:
        """The answers that differ, a line each."""
        bad = [result for result in self.judged if result["verdict"] != "pass"]
        return [f"{r['provider']} {r['op']} {r['id']} {r.get('diff') or r.get('error')}" for r in bad]

    @property
    def units(self) -> list[Any]:
        """(field, what became of it or None) of all requests."""
        everything: list[Any] = []
        for result in self.results:
            everything += result.get("request") or []
        return everything


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> Score:
    if not HARNESS.is_dir():
        pytest.skip(ABSENT)
    folder = tmp_path_factory.mktemp("recordings")
    port = free_port()
    config = replay_config(folder, port)
    names = ",".join(yaml.safe_load(config)["providers"])
    with replay(port), run_gateway(folder / "data", config) as gateway:
        out = folder / "results.json"
        arguments = ["--base-url", gateway.url, "--api-key", gateway.key, "--replay", f"http://127.0.0.1:{port}"]
        arguments += ["--provider-map", json.dumps(OTHER_WIRES)]
        arguments += ["--model-template", "{provider}/{model}.{case}", "--provider", names, "--out", str(out)]
        subprocess.run(
            [sys.executable, "drive.py", *arguments],
            cwd=HARNESS,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
        )
    return Score(json.loads(out.read_text())["results"])


def test_the_answers_are_the_providers_own(score: Score) -> None:
    assert len(score.judged) > 400
    right = 1 - len(score.wrong) / len(score.judged)
    assert right >= RIGHT_ANSWERS, "\n".join(score.wrong)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "groq", "deepseek", "ollama"])
def test_the_first_six_are_right_in_all_chats_and_embeddings(score: Score, provider: str) -> None:
    operations = ("chat", "chat_stream", "messages", "messages_stream", "embeddings")
    judged = [r for r in score.judged if r["provider"] == provider and r["op"] in operations]
    assert judged
    assert [(r["id"], r["op"], r.get("diff") or r.get("error")) for r in judged if r["verdict"] != "pass"] == []


def test_the_requests_arrive(score: Score) -> None:
    lost = [unit for unit in score.units if unit[1]]
    assert len(score.units) > 1500
    assert 1 - len(lost) / len(score.units) >= KEPT_FIELDS, lost
