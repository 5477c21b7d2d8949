"""What operators see of organisations: who, which plan, how much; never contents."""

from datetime import datetime

from pydantic import Field

from llmgateway.controlplane.reception.bodies import Body, Dollars, Flag, Name, Shown, Word


class AdminOrg(Shown):
    """An organisation."""

    id: str
    slug: str
    name: str
    plan: str
    created_at: datetime
    suspended_at: datetime | None
    deletes_at: datetime | None
    members: int
    keys: int


class AdminOrgUsage(Shown):
    """What an organisation used in the UTC month that runs."""

    requests: int
    tokens: int
    cost_usd: str
    charge_usd: str


class AdminSubscription(Shown):
    """What Stripe last said of an organisation's subscription."""

    status: str
    """Stripe's word."""
    plan: str | None
    """What is subscribed to; none where its price is no plan's."""
    in_force: bool
    """It has invoices to come, and what it grants stands before what an operator assigns."""
    period_end: datetime | None
    ends_at: datetime | None
    """Cancelled, with effect from then."""


class AdminOrgDetail(AdminOrg):
    """With its usage."""

    month: AdminOrgUsage
    subscription: AdminSubscription | None
    credit_usd: str
    """Paid in advance or given, less what was posted of it; less than 0 is debt."""


class CreditGrant(Body):
    """Credit that was paid for elsewhere, or is a present; or the taking back of such."""

    usd: Dollars
    reference: Name
    """Of the payment or the decision. Each is booked once, however often it is sent."""
    note: Word
    """What the organisation reads in its statement."""
    takes_back: Flag = False


class AdminChange(Body):
    """What is given is changed."""

    plan: str | None = Field(None, max_length=50)
    despite_subscription: Flag | None = Field(
        None,
        description="Assign the plan although a subscription grants another one: until Stripe tells of it next, or for good where it is self_hosted.",
    )
    suspended: Flag | None = None


class PlanFigures(Shown):
    """How many organisations have a plan, how many of them pay for it, and what they bring a month."""

    plan: str
    organisations: int
    paying: int
    monthly_usd: str


class BusinessFigures(Shown):
    """The business in one page. Churn: who left paid plans in 30 days, of those who had one.

    Recurring revenue is the prices of plans that are paid for: with a subscription in force; where no payments are taken, all that
    are assigned. Who is suspended or ends pays no more.
    """

    organisations: int
    users: int
    active_keys: int
    monthly_recurring_usd: str
    churned_30_days: int
    churn_rate: str
    plans: list[PlanFigures]
    month: AdminOrgUsage
