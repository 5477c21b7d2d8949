"""What billing takes and shows. Money is decimal text of dollars."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from llmgateway.controlplane.billing.changes import ChangeStep
from llmgateway.controlplane.reception.bodies import Body, Dollars, DollarText, Instant, Moment, Shown


class StatementWish(BaseModel):
    """Which part of the books."""

    model_config = ConfigDict(populate_by_name=True)

    since: Instant | None = Field(None, alias="from")
    until: Instant | None = Field(None, alias="to")
    format: Literal["csv"] = "csv"


class PlanWish(Body):
    """Which plan; and what was shown of the change to it, so that nothing else is charged."""

    plan: Annotated[str, Field(max_length=50)]
    instead_of: Annotated[str, Field(max_length=50)] | None = None
    """The plan that it was shown to replace; where another one holds meanwhile, nothing is changed."""
    as_of: Instant | None = None
    """When what is due was worked out, an hour ago at most; it is charged as of then."""


class CreditWish(Body):
    """How much credit, in whole cents."""

    usd: Dollars


class BillingChange(Body):
    """The most that may be spent beyond the plan in a billing period; null is nothing."""

    overage_limit_usd: Dollars | None


class HostedPage(Shown):
    """Where to go on, in a browser."""

    url: str


class PlanChange(Shown):
    """Where to pay, or when the change takes effect."""

    url: str | None = None
    effective_at: Moment | None = None
    losses: tuple[str, ...] = ()
    """What the organisation has now and will not have then."""
    message: str | None = None
    """What to know or do, where there is something."""


class ChangePreview(Shown):
    """What a change would cost and take away."""

    step: ChangeStep | None
    """What would be done; null where this gateway takes no payments."""
    instead_of: str
    """The plan that it replaces."""
    as_of: Moment
    """When this was worked out."""
    effective_at: Moment | None = None
    """When it holds; null is at once, when it is paid."""
    due_now_usd: DollarText = "0.000000000"
    """Paid before it holds: by the card that is known, or for `subscribe` and `settle` on a page of Stripe's."""
    next_usd: DollarText | None = None
    """The next renewal as Stripe will charge it, without usage; null where it stays as it is, there is none, or Stripe cannot tell."""
    next_at: Moment | None = None
    losses: tuple[str, ...] = ()
    """What the organisation has now and will not have then."""


class RenewalShown(Shown):
    """What Stripe charges for the plan next; nothing where it charges nothing."""

    plan: str | None = None
    """What it renews as."""
    at: Moment | None = None
    usd: DollarText | None = None
    """Without usage, less discounts and with taxes; less than 0 goes on the balance at Stripe."""


class PeriodShown(Shown):
    """The billing period that runs."""

    start: Moment
    end: Moment


class UsageShown(Shown):
    """Used in the period against what the plan includes; null includes everything."""

    requests: int
    requests_included: int | None
    tokens: int
    tokens_included: int | None


class BillingShown(Shown):
    """How an organisation stands."""

    plan: str
    status: str
    """`none` without a subscription; else trialing, active, past_due, unpaid, canceled, ..."""
    period: PeriodShown
    usage: UsageShown
    credit_usd: DollarText
    """Paid in advance and left; less than 0 is debt."""
    unbilled_usd: DollarText
    """Charged, and not on an invoice yet."""
    due_usd: DollarText
    """Invoiced, and not paid yet."""
    overage_usd: DollarText
    """Charged beyond the plan in this period."""
    overage_limit_usd: DollarText | None
    """The most that may be charged beyond the plan in a period; null is nothing, and on a plan that nothing goes beyond."""
    grace_until: Moment | None
    ends_at: Moment | None
    next_plan: str | None
    stripe: bool
    message: str | None
    """What to know or do, where there is something."""


class InvoiceShown(Shown):
    """An invoice."""

    id: str
    number: str
    status: str
    total_usd: DollarText | None
    """Null where it is in another currency, which stands on its page."""
    paid_usd: DollarText | None
    created_at: Moment
    period: PeriodShown
    url: str | None
    pdf_url: str | None
