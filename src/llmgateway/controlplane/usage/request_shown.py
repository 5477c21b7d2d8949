"""A request as the API shows it."""

from llmgateway.contract.usage import saved_nanos
from llmgateway.controlplane.usage.schemas import RequestShown
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.kit.money import usd_or_none


def request_shown(row: UsageRow) -> RequestShown:
    """The row of a request, with its money as decimal strings of dollars."""
    money = {
        "cost_usd": row.cost_nanos,
        "charge_usd": row.charge_nanos,
        "list_cost_usd": row.list_cost_nanos,
        "saved_usd": saved_nanos(row.cost_nanos, row.list_cost_nanos, test=row.test),
    }
    plain = {name: getattr(row, name) for name in RequestShown.model_fields if name not in money}
    dollars = {name: usd_or_none(nanos) for name, nanos in money.items()}
    return RequestShown.model_validate({**plain, **dollars})
