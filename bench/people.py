"""`python -m bench.people`: the control plane on many organisations: p95 of every list, and how fast a revocation is everywhere."""

import argparse
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx2

from deploy.local.throwaway import throwaway_folder
from tests.e2e.gateway import Gateway, run_gateway

Json = dict[str, Any]
AIM_MS = 100
LISTS = (
    "/me", "/me/sessions", "/plans", "/admin/orgs", "/admin/orgs?q=seed", "/admin/figures", "/orgs/{org}",
    "/orgs/{org}/members", "/orgs/{org}/invitations", "/orgs/{org}/projects", "/orgs/{org}/keys",
    "/orgs/{org}/credentials", "/orgs/{org}/routes", "/orgs/{org}/audit", "/orgs/{org}/usage",
    "/orgs/{org}/usage/summary?by=model&step=hour",
)  # fmt: skip


def main() -> None:
    """Seed, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.people", description=__doc__)
    parser.add_argument("--orgs", type=int, default=10_000, help="organisations, each with 3 people and 10 keys")
    parser.add_argument("--times", type=int, default=50, help="requests of each list")
    arguments = parser.parse_args()
    with throwaway_folder("bench") as folder, run_gateway(folder) as gateway:
        _measure(gateway, arguments.orgs, arguments.times)


def _measure(gateway: Gateway, orgs: int, times: int) -> None:
    begun = time.monotonic()
    printed = gateway.command("seed", "--orgs", str(orgs))
    print(f"{printed.splitlines()[0]} (the command as a whole: {time.monotonic() - begun:.1f} s)")
    found = re.search(r"Log in as (\S+) with (\S+)", printed)
    password = re.search(r"Password\s+(\S+)", gateway.greeting)
    if found is None or password is None:
        sys.exit("bench: the gateway did not say how to log in")
    with (
        httpx2.Client(base_url=f"{gateway.url}/api/v1", timeout=60) as operator,
        httpx2.Client(base_url=f"{gateway.url}/api/v1", timeout=60) as owner,
    ):
        _log_in(operator, "owner@localhost", password[1])
        _log_in(owner, found[1], found[2])
        org = owner.get("/me").json()["orgs"][0]["id"]
        print(f"{'':<50} {'p50':>8} {'p95':>8}   aim {AIM_MS} ms")
        for path in LISTS:
            client = operator if path.startswith("/admin") else owner
            figures = _times(lambda client=client, path=path: client.get(path.replace("{org}", org)), times)
            p95 = statistics.quantiles(figures, n=20)[-1]
            print(
                f"{path:<50} {statistics.median(figures):>6.1f}ms {p95:>6.1f}ms   {'kept' if p95 <= AIM_MS else 'MISSED'}"
            )
        print(f"a revoked key is refused after {_revocation(gateway, owner, org):.1f} ms (median of 10)")


def _log_in(client: httpx2.Client, email: str, password: str) -> None:
    token = client.post("/auth/login", json={"email": email, "password": password}).json()["access_token"]
    client.headers["authorization"] = f"Bearer {token}"


def _times(ask: Callable[[], httpx2.Response], times: int) -> list[float]:
    """Milliseconds of each."""
    figures = list[float]()
    for _ in range(times):
        begin = time.perf_counter()
        ask().raise_for_status()
        figures.append((time.perf_counter() - begin) * 1000)
    return figures


def _revocation(gateway: Gateway, owner: httpx2.Client, org: str) -> float:
    """Milliseconds from the answer to DELETE until the data plane refuses the key."""
    figures = list[float]()
    body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "hi"}]}
    for _ in range(10):
        made: Json = owner.post(f"/orgs/{org}/keys", json={"name": "soon gone"}).json()
        with httpx2.Client(headers={"authorization": f"Bearer {made['key']}"}) as caller:
            caller.post(f"{gateway.url}/v1/chat/completions", json=body).raise_for_status()
            owner.delete(f"/orgs/{org}/keys/{made['id']}").raise_for_status()
            begin = time.perf_counter()
            while caller.post(f"{gateway.url}/v1/chat/completions", json=body).status_code != 401:
                pass
            figures.append((time.perf_counter() - begin) * 1000)
    return statistics.median(figures)


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        sys.exit(f"bench: {error}")
