"""One gateway for all end-to-end tests of a session, and upstreams of each test's own."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai import OpenAI

from tests.e2e.gateway import Gateway, run_gateway
from tests.upstreams.server import Upstream, upstream


@dataclass
class Stage:
    """The gateway and the provider behind it."""

    gateway: Gateway
    provider: Upstream
    loop: asyncio.AbstractEventLoop

    def left(self, seconds: float = 5) -> bool:
        """Whether a caller of the provider closed its connection in mid-stream by now, or soon."""
        waiting = asyncio.run_coroutine_threadsafe(asyncio.wait_for(self.provider.left.wait(), seconds), self.loop)
        try:
            return waiting.result(seconds + 1)
        except TimeoutError:
            return False


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway whose openai, anthropic and gemini are one stand-in."""
    started = threading.Event()
    loop = asyncio.new_event_loop()
    held = list[Upstream]()

    async def run(stop: asyncio.Event) -> None:
        async with upstream() as provider:
            held.append(provider)
            started.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run(stop)), daemon=True)
    thread.start()
    assert started.wait(10)
    data_dir: Path = tmp_path_factory.mktemp("gateway")
    with run_gateway(data_dir, _config(held[0].url)) as gateway:
        yield Stage(gateway, held[0], loop)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def _config(url: str) -> str:
    return f"""
providers:
  openai: {{api_key: sk-up, base_url: {url}/v1}}
  anthropic: {{api_key: sk-up, base_url: {url}}}
  gemini: {{api_key: sk-up, base_url: {url}}}
  cohere: {{api_key: co-up, base_url: {url}}}
  voyage: {{api_key: pa-up, base_url: {url}/v1}}
  jina: {{api_key: ji-up, base_url: {url}/v1}}
  lab: {{type: openai_compatible, base_url: {url}/v1}}
  broken: {{type: openai_compatible, base_url: http://127.0.0.1:9/v1}}
models:
  smart:
    targets:
      - {{provider: openai, model: echo}}
  frontier:
    targets:
      - {{provider: openai, model: gpt-4.1}}
      - {{provider: anthropic, model: claude-sonnet-4-5}}
  resilient:
    targets:
      - {{provider: openai, model: status-503}}
      - {{provider: broken, model: nobody}}
      - {{provider: anthropic, model: echo}}
    retries: 1
  explained:
    targets:
      - {{provider: openai, model: status-502}}
      - {{provider: lab, model: status-500}}
      - {{provider: anthropic, model: echo}}
    retries: 1
"""


@pytest.fixture
def client(stage: Stage) -> Iterator[OpenAI]:
    """The official client of OpenAI's, which retries nothing by itself."""
    with OpenAI(api_key=stage.gateway.key, base_url=f"{stage.gateway.url}/v1", max_retries=0, timeout=20) as client:
        yield client
