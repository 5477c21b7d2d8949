"""Plans as data: what each includes, and the billing period that runs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict

from llmgateway.contract.snapshot import Limits, Quota
from llmgateway.errors import BadRequest

SELF_HOSTED: Final = "self_hosted"
"""The plan without quota, limit or charge."""


class Rates(BaseModel):
    """Caps for a whole organisation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    requests_per_day: int | None = None


class Plan(BaseModel):
    """What an organisation gets a month, and for how much."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    price_usd: str
    sold: bool = True
    requests_per_month: int | None = None
    tokens_per_month: int | None = None
    members: int | None = None
    retention_days: int | None = None
    rates: Rates
    features: tuple[str, ...]

    @property
    def limits(self) -> Limits:
        """Its rates as the data plane counts them."""
        return Limits(
            requests_per_minute=self.rates.requests_per_minute,
            requests_per_hour=self.rates.requests_per_hour,
            requests_per_day=self.rates.requests_per_day,
        )

    def quota(self, now: datetime) -> Quota | None:
        """What is included in the UTC month that runs."""
        if self.requests_per_month is None and self.tokens_per_month is None:
            return None
        start, end = month_of(now)
        return Quota(requests=self.requests_per_month, tokens=self.tokens_per_month, period_start=start, period_end=end)


@cache
def all_plans() -> Mapping[str, Plan]:
    """Every plan by its id."""
    content: dict[str, dict[str, object]] = yaml.safe_load(
        files("llmgateway.controlplane.plans").joinpath("plans.yaml").read_text("utf-8")
    )
    return MappingProxyType({name: Plan.model_validate({"id": name, **plan}) for name, plan in content.items()})


def plan_named(name: str) -> Plan:
    """Raises BadRequest for a name that is no plan's."""
    plan = all_plans().get(name)
    if plan is None:
        raise BadRequest(f"There is no plan {name!r}. Use one of {', '.join(all_plans())}.", param="plan")
    return plan


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """Begin and end of the UTC month."""
    start = datetime(now.year, now.month, 1, tzinfo=UTC)
    end = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    return start, end
