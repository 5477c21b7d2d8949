"""`llmgateway worker`: the jobs of the control plane, in a process of their own."""

import asyncio
import os
import signal

import typer
import uvloop

from llmgateway.app import public_address
from llmgateway.controlplane.billing.stripe.access import open_stripe
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.log import configure_logs
from llmgateway.settings import Settings, load_settings, warn_of_misspelt
from llmgateway.worker import jobs, mailer_of, work

app = typer.Typer()


@app.command()
def worker() -> None:
    """Deliver mail, end what ends, make partitions; several may run. `serve --role all` does this itself."""
    settings = load_settings(os.environ)
    configure_logs(json=settings.production)
    warn_of_misspelt(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with open_database(settings, Role.WORKER, serving=True) as database, open_stripe(settings) as stripe_access:
        table = jobs(database, SystemClock(), mailer_of(settings), public_address(settings, None), stripe_access)
        typer.echo(f"llmgateway works: {', '.join(job.name for job in table)}")
        task = asyncio.ensure_future(work(table))
        await asyncio.wait((task, asyncio.ensure_future(stop.wait())), return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
