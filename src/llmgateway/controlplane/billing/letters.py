"""What people are written about money."""

from datetime import datetime
from typing import Final

from llmgateway.controlplane.billing.budget_watch import Watched
from llmgateway.kit.mail import Mail
from llmgateway.kit.money import usd

_SPANS: Final = {"day": " a day", "month": " a month", "total": ""}


def unpaid(address: str, org: str, until: datetime, now: datetime) -> Mail:
    """A payment failed."""
    ahead = now < until
    goes_on = f"The plan goes on until {until:%d %B %Y}." if ahead else "The limits of the Free plan apply now."
    return Mail(
        to=address,
        subject=f"{org}: an invoice is not paid",
        text=(
            f"The last payment for {org} failed. {goes_on}\n\n"
            "An owner or admin can pay, or change the card, on the billing page of the gateway.\n"
        ),
    )


def budget(address: str, org: str, page: str, percent: int, watched: Watched, now: datetime) -> Mail:
    """So much of a budget is used, or was when its period ended; `page` is where it is changed."""
    height = f"${_cents(watched.nanos)}{_SPANS[watched.span]}"
    over = watched.ends is not None and watched.ends <= now
    is_used, begins = ("was used", "began") if over else ("is used", "begins")
    anew = "" if watched.ends is None else f" It {begins} anew at {watched.ends:%Y-%m-%d %H:%M} UTC."
    if over:
        then = "This was in the last minutes of its period, which is over."
    elif not watched.hard:
        then = "It is a soft budget: no request is refused."
    elif percent < 100:
        then = "When all of it is used, requests are refused (402 budget_exceeded) until it begins anew or is raised."
    else:
        then = "Requests that have no room in it are refused (402 budget_exceeded) until it begins anew or is raised."
    return Mail(
        to=address,
        subject=f"{org}: {percent} % of the budget of {watched.whose} is used",
        text=(
            f"${_cents(watched.used)} of the budget of {height} of {watched.whose} {is_used}.{anew}\n\n{then}\n\n"
            f"An owner or admin can change it:\n\n    {page}\n"
        ),
    )


def _cents(nanos: int) -> str:
    """Dollars down to the cent, for people."""
    return usd(nanos // 10_000_000 * 10_000_000)[:-7]
