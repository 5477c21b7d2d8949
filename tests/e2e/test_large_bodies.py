"""What large requests take of a process's memory is bounded, packed or not, and free again when they end."""

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from tests.e2e.gateway import run_gateway

PATH = "/v1/chat/completions"
SMALL = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "Hello"}]}
JSON = {"content-type": "application/json"}
PACKED = {**JSON, "content-encoding": "gzip"}


def _large(mebibytes: float) -> bytes:
    content = "word " * round(mebibytes * 1024 * 1024 / 5)
    return json.dumps({**SMALL, "stream": True, "messages": [{"role": "user", "content": content}]}).encode()


def _in_chunks(body: bytes) -> Iterator[bytes]:
    """Sent so, nobody says before its end how large it is."""
    yield from (body[at : at + 65_536] for at in range(0, len(body), 65_536))


def test_beside_large_requests_others_wait_and_small_ones_are_served(tmp_path: Path) -> None:
    one, two = _large(1.2), gzip.compress(_large(2.4))
    with run_gateway(tmp_path, LLMGATEWAY_LARGE_BODIES_MB="6") as gateway:
        headers = {"authorization": f"Bearer {gateway.new_key('--test')}"}
        with httpx2.Client(base_url=gateway.url, headers=headers, timeout=30) as client:
            fault = {"x-llmgateway-fault": "stall"}
            with client.stream("POST", PATH, content=gzip.compress(one), headers={**PACKED, **fault}) as running:
                assert running.status_code == 200
                refused = client.post(PATH, content=two, headers=PACKED)
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
                assert refused.json()["error"]["code"] == "concurrency_exceeded"
                assert client.post(PATH, content=_in_chunks(one), headers=JSON).status_code == 429
                assert client.post(PATH, content=one, headers=JSON).status_code == 200
                assert client.post(PATH, json=SMALL).status_code == 200
            deadline = time.monotonic() + 20
            while client.post(PATH, content=two, headers=PACKED).status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert client.post(PATH, content=_in_chunks(one), headers=JSON).status_code == 200
