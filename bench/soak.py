"""`python -m bench.soak`: many callers for many minutes on a provider that fails three times in ten.

Counts whole answers, explicit failures and false successes (an answer reported as finished whose text is not the truth), and
looks for what grows: memory, connections, places in limits.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
import psutil

from deploy.local.throwaway import throwaway_folder
from tests.e2e.gateway import Gateway, run_gateway
from tests.upstreams.misbehaving import misbehaving
from tests.upstreams.wires import TEXT

_CALLERS = 200
_PAUSE_SECONDS = 0.5
_AIM = 99.9
_SHARES = {"openai": 45, "anthropic": 45, "unnamed": 5, "untrusted": 5}
"""Aliases and how many in a hundred ask them: the first target of the last two has no address, or no certificate."""


@dataclass
class Tally:
    """What the callers saw, and what the process weighed."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    examples: list[str] = field(default_factory=list[str])
    megabytes: list[float] = field(default_factory=list[float])

    def count(self, outcome: str, example: str = "") -> None:
        self.outcomes[outcome] += 1
        if example and len(self.examples) < 5:
            self.examples.append(f"{outcome}: {example[-300:]}")


def main() -> None:
    """Run it and print the figures; fails when an answer was false or too few were whole."""
    parser = argparse.ArgumentParser(prog="bench.soak")
    parser.add_argument("--minutes", type=float, default=10)
    tally = asyncio.run(_soak(parser.parse_args().minutes * 60))
    total = tally.outcomes.total()
    whole = 100 * tally.outcomes["whole"] / max(total, 1)
    print(f"requests {total:,}, whole {whole:.3f} % (aim {_AIM} %), {dict(tally.outcomes)}")
    half = len(tally.megabytes) // 2
    print(f"memory MB at the start, in the middle, at the end: {[round(tally.megabytes[i]) for i in (0, half, -1)]}")
    print("\n".join(tally.examples))
    if tally.outcomes["false"] or whole < _AIM:
        sys.exit(1)


async def _soak(seconds: float) -> Tally:
    tally = Tally()
    async with misbehaving() as provider:
        with (
            throwaway_folder("soak") as folder,
            run_gateway(folder, _configuration(provider.url)) as gateway,
        ):
            # As many places as callers: a place that is never given back would refuse somebody soon.
            key = await asyncio.to_thread(gateway.new_key, "--concurrency", str(_CALLERS))
            until = time.monotonic() + seconds
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                callers = [_caller(session, gateway.url, key, tally, until) for _ in range(_CALLERS)]
                await asyncio.gather(_weigh(gateway, tally, until), *callers)
            await asyncio.sleep(3)
            process = psutil.Process(gateway.process.pid)
            upstream = int(provider.url.rpartition(":")[2])
            left = [c for c in process.net_connections("tcp") if c.raddr and c.raddr.port == upstream]
            print(
                f"answers still running at the provider: {provider.answering.total()}; connections to it: {len(left)}"
            )
    return tally


async def _weigh(gateway: Gateway, tally: Tally, until: float) -> None:
    process = psutil.Process(gateway.process.pid)
    while time.monotonic() < until:
        await asyncio.sleep(2)
        tally.megabytes.append(process.memory_info().rss / 1e6)


async def _caller(session: aiohttp.ClientSession, url: str, key: str, tally: Tally, until: float) -> None:
    await asyncio.sleep(random.random())
    while time.monotonic() < until:
        [model], stream = random.choices(list(_SHARES), list(_SHARES.values())), random.random() < 0.5
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Go"}]}
        headers = {"authorization": f"Bearer {key}"}
        try:
            async with session.post(f"{url}/v1/chat/completions", json=body, headers=headers) as response:
                _judge(response.status, (await response.read()).decode(), tally, stream=stream)
        except aiohttp.ClientError as error:
            tally.count("broken", repr(error))
        await asyncio.sleep(random.random() * 2 * _PAUSE_SECONDS)


def _judge(status: int, text: str, tally: Tally, *, stream: bool) -> None:
    if status != 200 or '"error"' in text:
        tally.count("failed", text)
        return
    said, finished = _streamed(text) if stream else _whole(text)
    if not finished:
        tally.count("unfinished", text)
    else:
        tally.count("whole" if said == TEXT else "false", "" if said == TEXT else said)


def _whole(text: str) -> tuple[str, bool]:
    choice = json.loads(text)["choices"][0]
    return choice["message"]["content"], choice["finish_reason"] == "stop"


def _streamed(text: str) -> tuple[str, bool]:
    events = [cast("dict[str, Any]", json.loads(line[6:])) for line in text.splitlines() if line.startswith("data: {")]
    said = "".join(c["delta"].get("content") or "" for event in events for c in event["choices"])
    return said, "data: [DONE]" in text


def _configuration(url: str) -> str:
    aliases = "\n".join(
        f"""  {wire}:
    targets:
      - {{provider: {wire}, model: unreliable-30, prefill: false}}
      - {{provider: {wire}, model: noprefill-2}}"""
        for wire in ("openai", "anthropic")
    )
    return f"""
providers:
  openai: {{api_key: sk-up, base_url: {url}/v1}}
  anthropic: {{api_key: sk-up, base_url: {url}}}
  unnamed: {{type: openai_compatible, base_url: "https://no-such-host.invalid/v1"}}
  untrusted: {{type: openai_compatible, base_url: "{url.replace("http", "https")}/v1"}}
defaults: {{timeouts: {{connect: 3, first_token: 3, idle: 3, total: 20}}}}
models:
{aliases}
  unnamed: {{targets: [{{provider: unnamed, model: x}}, {{provider: openai, model: noprefill-3}}]}}
  untrusted: {{targets: [{{provider: untrusted, model: x}}, {{provider: anthropic, model: noprefill-3}}]}}
"""


if __name__ == "__main__":
    main()
