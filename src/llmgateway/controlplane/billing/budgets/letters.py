"""The mail about a budget that is nearly or wholly used."""

from datetime import datetime
from typing import Final

from llmgateway.controlplane.billing.budgets.watch import Watched
from llmgateway.kit.mail import Mail
from llmgateway.kit.money import NANOS_PER_USD, dollars, usd

_SPANS: Final = {"day": " a day", "month": " a month", "total": " in all"}


def budget(address: str, org: str, page: str, percent: int, watched: Watched, now: datetime) -> Mail:
    """So much of a budget is used, or was when its period ended; `page` is where it is changed."""
    height = f"${_cents(watched.nanos)}{_SPANS[watched.span]}"
    over = watched.ends is not None and watched.ends <= now
    is_used, begins = ("was used", "began") if over else ("is used", "begins")
    until = "it is raised" if watched.ends is None else "it begins anew or is raised"
    anew = "" if watched.ends is None else f" It {begins} anew at {watched.ends:%Y-%m-%d %H:%M} UTC."
    if over:
        then = "This was in the last minutes of its period, which is over."
    elif not watched.hard:
        then = "It is a soft budget: no request is refused."
    elif percent < 100:
        then = f"When all of it is used, requests are refused (402 budget_exceeded) until {until}."
    else:
        then = f"Requests that have no room in it are refused (402 budget_exceeded) until {until}."
    return Mail(
        to=address,
        subject=f"{org}: {percent} % of the budget of {watched.whose} is used",
        text=(
            f"${_cents(watched.used)} of the budget of {height} of {watched.whose} {is_used}.{anew}\n\n{then}\n\n"
            f"An owner or admin can change it:\n\n    {page}\n"
        ),
    )


def _cents(nanos: int) -> str:
    """Dollars for people: down to the cent from a dollar on, all of it below."""
    return usd(nanos // 10_000_000 * 10_000_000)[:-7] if nanos >= NANOS_PER_USD else dollars(nanos)
