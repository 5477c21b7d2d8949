"""What large requests take of a process's memory is bounded, packed or not, and free again when they end."""

import gzip
import json
import time
from pathlib import Path

import httpx2

from tests.e2e.gateway import run_gateway

PATH = "/v1/chat/completions"
LARGE = json.dumps(
    {"model": "sandbox/chat", "stream": True, "messages": [{"role": "user", "content": "word " * 250_000}]}
).encode()
SMALL = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "Hello"}]}
PACKED = {"content-type": "application/json", "content-encoding": "gzip"}


def test_beside_large_requests_others_wait_and_small_ones_are_served(tmp_path: Path) -> None:
    packed = gzip.compress(LARGE)
    with run_gateway(tmp_path, LLMGATEWAY_LARGE_BODIES_MB="2") as gateway:
        headers = {"authorization": f"Bearer {gateway.new_key('--test')}"}
        with httpx2.Client(base_url=gateway.url, headers=headers, timeout=30) as client:
            stalled = client.stream("POST", PATH, content=packed, headers={**PACKED, "x-llmgateway-fault": "stall"})
            with stalled as running:
                assert running.status_code == 200
                refused = client.post(PATH, content=packed, headers=PACKED)
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
                assert refused.json()["error"]["code"] == "concurrency_exceeded"
                assert client.post(PATH, json=SMALL).status_code == 200
            deadline = time.monotonic() + 20
            while client.post(PATH, content=packed, headers=PACKED).status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.05)
