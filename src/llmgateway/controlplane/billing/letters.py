"""What people are written about money."""

from datetime import datetime

from llmgateway.kit.mail import Mail


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
