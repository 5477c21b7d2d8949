"""The whole way to a real language model and back: `make demo`'s gateway, OpenAI's SDK, and the account of it."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.e2e.started import Started, started

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]
QUESTION = "Write one sentence about the sea."

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None,
        reason="SKIPPED: the small model is not installed (make demo installs it), so no real model is asked",
    ),
]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(data_dir: Path) -> Generator[Started]:
    environment = {"LLMGATEWAY_DATA_DIR": str(data_dir), "LLMGATEWAY_PORT": "0"}
    command = [sys.executable, str(ROOT / "deploy/demo/demo.py")]
    with started(command, folder=ROOT, environment=environment, patience=90) as running:
        yield running


@pytest.fixture
def client(demo: Started) -> Generator[OpenAI]:
    with OpenAI(base_url=f"{demo.base_url}/v1", api_key=demo.key, max_retries=0) as client:
        yield client


def test_the_printed_line_asks_the_real_model(demo: Started) -> None:
    assert '"smart"' in demo.curl


def test_a_whole_answer(client: OpenAI, data_dir: Path) -> None:
    answer = client.chat.completions.with_raw_response.create(
        model="smart", messages=[{"role": "user", "content": QUESTION}], max_tokens=24, seed=7
    )
    completion = answer.parse()
    assert completion.choices[0].message.content
    assert completion.choices[0].finish_reason in {"stop", "length"}
    assert completion.usage is not None
    event = _event(data_dir, answer.headers["x-request-id"])
    assert (event["prompt_tokens"], event["completion_tokens"]) == (
        completion.usage.prompt_tokens,
        completion.usage.completion_tokens,
    )
    assert event["prompt_tokens"] > 0
    assert event["outcome"] == "finished"
    assert (event["provider"], event["served_model"]) == ("demo", "smollm2-135m")


def test_a_streamed_answer(client: OpenAI, data_dir: Path) -> None:
    with client.chat.completions.with_streaming_response.create(
        model="demo/smollm2-135m",
        messages=[{"role": "user", "content": QUESTION}],
        max_tokens=24,
        seed=7,
        stream=True,
        stream_options={"include_usage": True},
    ) as answer:
        chunks = list(answer.parse())
    assert len([chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]) > 3
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] in {"stop", "length"}
    usage = chunks[-1].usage
    assert usage is not None
    event = _event(data_dir, answer.headers["x-request-id"])
    assert (event["prompt_tokens"], event["completion_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
    assert event["usage_source"] == "provider"


def _event(data_dir: Path, request_id: str) -> Json:
    listed = subprocess.run(
        [Path(sys.executable).with_name("llmgateway"), "usage", "list", "--json", "--request", request_id],
        env={**os.environ, "LLMGATEWAY_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    (event,) = json.loads(listed.stdout)
    return event
