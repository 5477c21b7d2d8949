"""billing_accounts, stripe_events, meter_reports, overage_terms, overage_changes: what Stripe last said, what it is told, and what use costs."""

from sqlalchemy import BigInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment, Nanos


class BillingAccount(Base):
    """An organisation as Stripe's customer; everything but the customer, and what it was told, is derived from what Stripe answered last."""

    __tablename__ = "billing_accounts"

    org_id: Mapped[Id]
    customer_id: Mapped[str | None] = mapped_column(unique=True)
    subscription_id: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default=text("'none'"))
    """Stripe's own word for the subscription; `none` before the first."""
    plan: Mapped[str | None]
    """The plan that is subscribed to, whether paid for or not."""
    period_start: Mapped[Moment | None]
    period_end: Mapped[Moment | None]
    grace_until: Mapped[Moment | None]
    """Unpaid, but the plan goes on until then."""
    ends_at: Mapped[Moment | None]
    """Cancelled, with effect from then."""
    next_plan: Mapped[str | None]
    """What it becomes at the period's end."""
    reminders: Mapped[int] = mapped_column(server_default=text("0"))
    """How many letters went out since the payment failed."""
    told_name: Mapped[str | None]
    told_email: Mapped[str | None]
    """What Stripe was told of the customer last; None is told once more."""
    pages_closed_for: Mapped[Moment | None]
    """The end (`deletes_at`) of the deleted organisation, once its open pages of Checkout were closed."""
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]


class StripeEvent(Base):
    """A webhook that came, once by its id; a hint to look at Stripe, not the news itself."""

    __tablename__ = "stripe_events"

    id: Mapped[Id]
    type: Mapped[str]
    object_id: Mapped[str]
    customer_id: Mapped[str | None]
    created_at: Mapped[Moment]
    """Stripe's own time."""
    received_at: Mapped[Moment]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    next_try_at: Mapped[Moment]
    handled_at: Mapped[Moment | None]
    trouble: Mapped[str | None]


class MeterReport(Base):
    """Whole cents that Stripe is told of, once by the id."""

    __tablename__ = "meter_reports"

    id: Mapped[Id]
    org_id: Mapped[str]
    customer_id: Mapped[str]
    cents: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[Moment]
    sent_at: Mapped[Moment | None]


class OverageTerms(Base):
    """How what goes beyond a plan is priced in one billing period of an organisation, at its end or as it stands now."""

    __tablename__ = "overage_terms"

    org_id: Mapped[Id]
    begins_at: Mapped[Moment] = mapped_column(primary_key=True)
    ends_at: Mapped[Moment]
    """Earlier than the period was to end, where another began before."""
    plan: Mapped[str]
    limit_nanos: Mapped[Nanos | None]
    waived_nanos: Mapped[Nanos]


class OverageChange(Base):
    """How it was priced in the same period before, until it changed."""

    __tablename__ = "overage_changes"

    org_id: Mapped[Id]
    begins_at: Mapped[Moment] = mapped_column(primary_key=True)
    """The period, not these terms."""
    changed_at: Mapped[Moment] = mapped_column(primary_key=True)
    plan: Mapped[str]
    limit_nanos: Mapped[Nanos | None]
    waived_nanos: Mapped[Nanos]
    """As it was known then; what counts is the period's first, the others are worked out anew from what was used."""
