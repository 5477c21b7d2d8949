"""The mails about invoices that are not paid."""

from dataclasses import dataclass
from datetime import datetime

from llmgateway.kit.mail import Mail
from llmgateway.kit.money import dollars


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
