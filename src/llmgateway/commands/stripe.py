"""`llmgateway stripe`: an account of Stripe's made ready, and compared with what we know."""

import asyncio
import os
from collections.abc import Sequence
from decimal import Decimal

import typer

from llmgateway.controlplane.billing.stripe.access import NOT_SET_UP, open_stripe
from llmgateway.controlplane.billing.stripe.api import StripeApi
from llmgateway.controlplane.billing.stripe.errors import StripeRefused, StripeUnavailable
from llmgateway.controlplane.billing.stripe.price_list import METER_EVENT, plan_key
from llmgateway.controlplane.billing.stripe_events import drift
from llmgateway.controlplane.plans.service import all_plans
from llmgateway.db.opening import open_database
from llmgateway.db.roles import Role
from llmgateway.errors import ConfigurationError
from llmgateway.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, help="Connect Stripe.")


@app.callback()
def group() -> None:
    """Connect Stripe."""


@app.command()
def setup() -> None:
    """Make the meter and the prices of the plans in Stripe, as far as they are missing or differ; run it again at will."""
    for line in asyncio.run(_setup(load_settings(os.environ))):
        typer.echo(line)


@app.command("drift")
def show_drift() -> None:
    """Compare every customer's subscription with what is stored; exit code 1 when something differs."""
    lines = asyncio.run(_drift(load_settings(os.environ)))
    for line in lines:
        typer.echo(line)
    if lines:
        raise typer.Exit(1)
    typer.echo("Nothing differs.")


async def make_ready(stripe_api: StripeApi) -> Sequence[str]:
    """What was made, a line each. Raises StripeUnavailable and StripeRefused."""
    sold = {plan.id: plan for plan in all_plans().values() if plan.sold and Decimal(plan.price_usd) > 0}
    known = await stripe_api.price_list.known_prices([METER_EVENT, *map(plan_key, sold)])
    made = list[str]()
    if METER_EVENT not in known:
        await stripe_api.price_list.make_meter()
        made.append(f"made the meter {METER_EVENT} and its price of one cent a unit")
    for plan in sold.values():
        cents = int(Decimal(plan.price_usd) * 100)
        price, costs = known.get(plan_key(plan.id), (None, None))
        if costs != cents:
            await stripe_api.price_list.make_plan_price(plan.id, plan.name, cents, price)
            made.append(f"made the price of {plan.name}: {plan.price_usd} dollars a month")
    return made or ["Stripe has all it needs."]


async def _setup(settings: Settings) -> Sequence[str]:
    async with open_stripe(settings) as stripe_access:
        if stripe_access is None:
            raise ConfigurationError(NOT_SET_UP)
        try:
            return await make_ready(stripe_access.api)
        except (StripeUnavailable, StripeRefused) as error:
            raise ConfigurationError(f"Stripe: {error}") from error


async def _drift(settings: Settings) -> Sequence[str]:
    async with open_stripe(settings) as stripe_access, open_database(settings, Role.ADMIN) as database:
        if stripe_access is None:
            raise ConfigurationError(NOT_SET_UP)
        try:
            return await drift.report(database, stripe_access.api)
        except StripeUnavailable as error:
            raise ConfigurationError(f"Stripe: {error}") from error
