"""usage_hours, usage_days: sums of usage; usage_pending: what events added to them and is not merged yet."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, DateTime, Identity, LargeBinary, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base

BASE: Final = 1.1
"""Bucket n of a histogram holds more than BASE ** (n - 1) and up to BASE ** n milliseconds; bucket -1 none at all."""
DIGITS: Final = 12
"""A histogram is one number with so many decimal digits for each bucket, bucket -1 in the last ones: a sum merges them."""


class UsageSums:
    """Sums of the requests of an organisation and hour, or day (UTC), that have all facets in common."""

    time: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    """Where the hour or day begins."""
    org_id: Mapped[str] = mapped_column(primary_key=True)
    facets: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """A hash of the nine facets that follow. In a text '' stands for none."""
    test: Mapped[bool]
    project_id: Mapped[str]
    key_id: Mapped[str]
    model: Mapped[str]
    provider: Mapped[str]
    served_model: Mapped[str]
    outcome: Mapped[str]
    cache: Mapped[str]
    tags: Mapped[list[Any]] = mapped_column(JSONB)
    requests: Mapped[int] = mapped_column(Numeric)
    counted: Mapped[int] = mapped_column(Numeric)
    """Requests that finished or used a token: those that quotas count."""
    unpriced: Mapped[int] = mapped_column(Numeric)
    """Those of them whose cost nobody knows; without any, the cost is complete."""
    prompt_tokens: Mapped[int] = mapped_column(Numeric)
    completion_tokens: Mapped[int] = mapped_column(Numeric)
    cached_tokens: Mapped[int] = mapped_column(Numeric)
    cache_write_tokens: Mapped[int] = mapped_column(Numeric)
    reasoning_tokens: Mapped[int] = mapped_column(Numeric)
    cost_nanos: Mapped[int] = mapped_column(Numeric)
    charge_nanos: Mapped[int] = mapped_column(Numeric)
    list_cost_nanos: Mapped[int] = mapped_column(Numeric)
    saved_nanos: Mapped[int] = mapped_column(Numeric)
    """List cost less cost, of requests that have both; nothing of test traffic."""
    latency: Mapped[int] = mapped_column(Numeric)
    """A histogram of finished requests."""
    first_token: Mapped[int] = mapped_column(Numeric)


class UsageHour(UsageSums, Base):
    """Sums of an hour."""

    __tablename__ = "usage_hours"


class UsageDay(UsageSums, Base):
    """Sums of a day."""

    __tablename__ = "usage_days"


class UsagePending(UsageSums, Base):
    """What a batch of events added to an hour and its day; less than nothing where figures were replaced by smaller ones."""

    __tablename__ = "usage_pending"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
