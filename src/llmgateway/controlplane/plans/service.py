"""Plans as data: what each includes, and the billing period that runs."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict

from llmgateway.contract.snapshot import Limits, Quota
from llmgateway.errors import BadRequest
from llmgateway.kit import yaml_text
from llmgateway.kit.money import nanos

SELF_HOSTED: Final = "self_hosted"
"""The plan without quota, limit or charge."""


class RateLimits(BaseModel):
    """Caps of requests, for a whole organisation or a key of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    requests_per_day: int | None = None


class Overage(BaseModel):
    """The prices of use beyond a plan, in dollars."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_thousand_requests_usd: str
    per_million_tokens_usd: str

    @property
    def request_nanos(self) -> int:
        """The price of one request, in nanos."""
        return nanos(self.per_thousand_requests_usd) // 1_000

    @property
    def token_nanos(self) -> int:
        """The price of one token, in nanos."""
        return nanos(self.per_million_tokens_usd) // 1_000_000


class Plan(BaseModel):
    """What an organisation may use in a month, and its price. None is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    price_usd: str
    sold: bool = True
    requests_per_month: int | None = None
    tokens_per_month: int | None = None
    members: int | None = None
    retention_days: int | None = None
    rates: RateLimits
    """Limits of all keys together."""
    key_rates: RateLimits = RateLimits()
    """Limits of a key without its own."""
    features: tuple[str, ...]
    overage: Overage | None = None
    """None allows no use beyond what is included."""

    @property
    def limits(self) -> Limits:
        """Its rates as the data plane counts them."""
        return Limits(
            requests_per_minute=self.rates.requests_per_minute,
            requests_per_hour=self.rates.requests_per_hour,
            requests_per_day=self.rates.requests_per_day,
        )

    @property
    def price(self) -> Decimal:
        """The price of a month, in dollars."""
        return Decimal(self.price_usd)

    @property
    def in_advance(self) -> bool:
        """It is sold and costs nothing, so it has no invoices: where payments are taken, charges are paid in advance."""
        return self.sold and self.price == 0

    def quota(
        self,
        period: tuple[datetime, datetime],
        overage_limit_nanos: int | None = None,
        epoch: int = 0,
        waived_nanos: int = 0,
    ) -> Quota | None:
        """What may be used in a period: what is included, and as much more as the limit pays for and as is waived.

        Requests and tokens each go that far; the charge for both together stops at the limit.
        """
        if self.requests_per_month is None and self.tokens_per_month is None:
            return None
        start, end = period
        requests, tokens = self.requests_per_month, self.tokens_per_month
        limit = None if self.overage is None else overage_limit_nanos
        if self.overage is not None and overage_limit_nanos is not None:
            more = max(0, overage_limit_nanos + waived_nanos)
            requests = _beyond(requests, more, self.overage.request_nanos)
            tokens = _beyond(tokens, more, self.overage.token_nanos)
        return Quota(
            requests=requests, tokens=tokens, period_start=start, period_end=end, epoch=epoch, overage_limit=limit
        )

    def counts_more_than(self, other: "Plan | None") -> bool:
        """Whether it counts something against a quota that the other did not."""
        if other is None:
            return True
        pairs = ((self.requests_per_month, other.requests_per_month), (self.tokens_per_month, other.tokens_per_month))
        return any(mine is not None and theirs is None for mine, theirs in pairs)

    def overage_nanos(self, requests: int, tokens: int, limit_nanos: int | None, waived_nanos: int = 0) -> int:
        """What a period's use costs beyond the plan, less what is waived, up to the organisation's own limit; none is no overage."""
        if limit_nanos is None:
            return 0
        return max(0, min(limit_nanos, self.beyond_nanos(requests, tokens) - waived_nanos))

    def beyond_nanos(self, requests: int, tokens: int) -> int:
        """The price of what a period's use goes beyond the plan."""
        if self.overage is None:
            return 0
        more_requests = max(0, requests - self.requests_per_month) if self.requests_per_month is not None else 0
        more_tokens = max(0, tokens - self.tokens_per_month) if self.tokens_per_month is not None else 0
        return more_requests * self.overage.request_nanos + more_tokens * self.overage.token_nanos


@cache
def all_plans() -> Mapping[str, Plan]:
    """Every plan by its id."""
    content: dict[str, dict[str, object]] = yaml_text.parse(
        files("llmgateway.controlplane.plans").joinpath("plans.yaml").read_text("utf-8")
    )
    return MappingProxyType({name: Plan.model_validate({"id": name, **plan}) for name, plan in content.items()})


def plan_named(name: str) -> Plan:
    """A plan by its id. Raises BadRequest for an unknown one."""
    plan = all_plans().get(name)
    if plan is None:
        raise BadRequest(f"There is no plan {name!r}. Use one of {', '.join(all_plans())}.", param="plan")
    return plan


def period_of(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The billing period that runs: the subscription's, a month after a month until Stripe tells of the next, else the UTC month.

    Of one that is paid for longer than a month, such as a year, each month counts. Months go on after a subscription has ended.
    """
    if start is None or end is None or now < start:
        return month_of(now)
    if end > _next_month(start, 31):
        end = _next_month(start, start.day)
    # One that began on the 31st ends with a shorter month, and the next one on the 31st again.
    cut = end.day == monthrange(end.year, end.month)[1]
    day = max(start.day, end.day) if cut else end.day
    while end <= now:
        start, end = end, _next_month(end, day)
    return start, end


def _next_month(moment: datetime, day: int) -> datetime:
    """On that day of it, or its last."""
    year, month = moment.year + moment.month // 12, moment.month % 12 + 1
    return moment.replace(year=year, month=month, day=min(day, monthrange(year, month)[1]))


def waived_in(period: tuple[datetime, datetime], waived_nanos: int, begin: datetime | None) -> int:
    """What is waived of a period's price beyond the plan: only in the period that it was noted for."""
    return waived_nanos if begin == period[0] else 0


def _beyond(included: int | None, nanos: int, each_nanos: int) -> int | None:
    return None if included is None or not each_nanos else included + nanos // each_nanos


def month_from(start: datetime) -> tuple[datetime, datetime]:
    """The month that begins at a moment, and its end on the same day of the next."""
    return start, _next_month(start, start.day)


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """Begin and end of the UTC month that a moment, in whatever time zone it is written, lies in."""
    now = now.astimezone(UTC)
    start = datetime(now.year, now.month, 1, tzinfo=UTC)
    end = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    return start, end
