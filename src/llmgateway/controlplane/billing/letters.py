"""What people are written about money."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from llmgateway.controlplane.billing.budget_watch import Watched
from llmgateway.kit.mail import Mail
from llmgateway.kit.money import NANOS_PER_USD, dollars, usd

_SPANS: Final = {"day": " a day", "month": " a month", "total": " in all"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaid:
    """What is not paid, and where it can be."""

    org: str
    owed: int
    until: datetime | None
    """The plan goes on until then."""
    page: str

    def mail(self, address: str, subject: str, text: str) -> Mail:
        """To somebody who can pay."""
        owed = f"${dollars(self.owed)} is invoiced and not paid. " if self.owed > 0 else ""
        way = f"{owed}You can pay, or change the card, on the billing page:\n\n    {self.page}\n"
        return Mail(to=address, subject=f"{self.org}: {subject}", text=f"{text}\n\n{way}")


def unpaid(address: str, about: Unpaid) -> Mail:
    """A payment failed."""
    goes_on = "" if about.until is None else f" The plan goes on until {about.until:%d %B %Y}."
    return about.mail(address, "an invoice is not paid", f"The last payment for {about.org} failed.{goes_on}")


def stopped(address: str, about: Unpaid) -> Mail:
    """The grace is over."""
    text = (
        f"The last payment for {about.org} failed, and was not made since. From now on the limits of the Free plan apply: "
        "requests beyond them are refused. The plan is back as soon as it is paid."
    )
    return about.mail(address, "the limits of the Free plan apply", text)


def given_up(address: str, about: Unpaid) -> Mail:
    """Stripe tries no more."""
    text = (
        f"The card of {about.org} was tried for the last time, and the payment failed. The limits of the Free plan apply until "
        "somebody pays: the plan is back as soon as it is paid."
    )
    return about.mail(address, "the card is not tried again", text)


def ended(address: str, about: Unpaid) -> Mail:
    """There is nothing to come back to."""
    text = f"The subscription of {about.org} has ended with an invoice unpaid: it is on the Free plan. A plan can be chosen anew."
    return about.mail(address, "the subscription has ended unpaid", text)


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
