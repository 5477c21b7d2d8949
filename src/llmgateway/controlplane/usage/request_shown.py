"""A request as the API shows it."""

from llmgateway.controlplane.usage.schemas import RequestShown
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.kit.money import usd


def request_shown(row: UsageRow) -> RequestShown:
    """The row of a request, with its money as decimal strings of dollars."""
    saved = None if row.list_cost_nanos is None else row.list_cost_nanos - (row.cost_nanos or 0)
    money = {
        "cost_usd": row.cost_nanos,
        "charge_usd": row.charge_nanos,
        "list_cost_usd": row.list_cost_nanos,
        "saved_usd": None if row.test or row.cost_nanos is None else saved,
    }
    plain = {name: getattr(row, name) for name in RequestShown.model_fields if name not in money}
    dollars = {name: None if nanos is None else usd(nanos) for name, nanos in money.items()}
    return RequestShown.model_validate({**plain, **dollars})
