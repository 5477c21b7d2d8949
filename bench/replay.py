"""`python -m bench.replay`: repeated traffic, its prompts drawn by Zipf's law, and what cache and routing saved of its cost.

Prices are gateway.yaml's: the model that is asked for costs ten times what its cheaper sibling does.
"""

import argparse
import asyncio
import json
import random
from typing import Any

import aiohttp

from deploy.local.throwaway import throwaway_folder
from tests.e2e.gateway import run_gateway
from tests.upstreams.misbehaving import misbehaving

_PROMPTS = 1_000
_AT_ONCE = 20


def main() -> None:
    """Replay and print the figures."""
    parser = argparse.ArgumentParser(prog="bench.replay")
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--exponent", type=float, default=1.1, help="of Zipf's law: how much the popular prompts lead")
    arguments = parser.parse_args()
    asyncio.run(_replay(arguments.requests, arguments.exponent))


async def _replay(requests: int, exponent: float) -> None:
    chance = random.Random(7)
    weights = [1 / (rank + 1) ** exponent for rank in range(_PROMPTS)]
    prompts = chance.choices(range(_PROMPTS), weights, k=requests)
    async with misbehaving() as provider:
        with (
            throwaway_folder("replay") as folder,
            run_gateway(folder, _configuration(provider.url)) as gateway,
        ):
            places = asyncio.Semaphore(_AT_ONCE)
            async with aiohttp.ClientSession() as session:

                async def ask(prompt: int) -> None:
                    body = {"model": "smart", "messages": [{"role": "user", "content": f"Question {prompt}"}]}
                    headers = {"authorization": f"Bearer {gateway.key}"}
                    async with (
                        places,
                        session.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers) as response,
                    ):
                        response.raise_for_status()
                        await response.read()

                await asyncio.gather(*(ask(prompt) for prompt in prompts))
            await asyncio.sleep(3)
            listed = await asyncio.to_thread(gateway.command, "usage", "list", "--json", "--limit", str(requests))
    _report(json.loads(listed))


def _report(events: list[dict[str, Any]]) -> None:
    hits = [event for event in events if event["cache"] == "hit"]
    without = sum(float(event["list_cost_usd"]) for event in events)
    routed = sum(float(event["cost_usd"]) for event in events)
    by_cache = sum(float(event["list_cost_usd"]) for event in hits)
    print(f"requests {len(events):,}, hits {len(hits):,}: hit rate {100 * len(hits) / len(events):.1f} % (aim 60 %)")
    print(f"cost as asked, without cache and routing   ${without:.6f}")
    print(f"saved by the cache                         ${by_cache:.6f}")
    print(f"saved by routing (cheapest)                ${without - by_cache - routed:.6f}")
    print(f"cost with both                             ${routed:.6f} ({100 * routed / without:.1f} %)")


def _configuration(url: str) -> str:
    return f"""
providers:
  openai: {{api_key: sk-up, base_url: {url}/v1}}
cache: {{ttl: 3600}}
models:
  smart:
    strategy: cheapest
    targets:
      - {{provider: openai, model: good-large, price: {{input: "1.00", output: "4.00"}}}}
      - {{provider: openai, model: good-small, price: {{input: "0.10", output: "0.40"}}}}
"""


if __name__ == "__main__":
    main()
