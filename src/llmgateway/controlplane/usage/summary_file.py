"""A summary as a CSV file, with what its JSON says beside the rows as headers."""

from typing import Any, Final

from fastapi import Response

from llmgateway.controlplane.usage.schemas import Summary, SummaryRow
from llmgateway.kit.csv_text import csv_text

_HEADERS: Final = {
    "x-range": "With csv, what the rows are of: `from` and `to` as in JSON, with a / between them (ISO 8601).",
    "x-figures-until": "With csv, what `figures_until` is in JSON.",
    "x-truncated": "With csv, what `truncated` is in JSON.",
}
DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"text/csv": {}},
        "headers": {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()},
    }
}


def file_of(summary: Summary) -> Response:
    """The rows; with a column `period` where two periods are compared."""
    said = summary.model_dump(mode="json", by_alias=True)
    periods = {"current": said["data"], "previous": said["previous"] or ()}
    lines = [{"period": name, **row} for name, rows in periods.items() for row in rows]
    columns = (*SummaryRow.model_fields, *(() if summary.previous is None else ("period",)))
    headers = {
        "content-disposition": 'attachment; filename="usage.csv"',
        "x-range": f"{said['from']}/{said['to']}",
        "x-figures-until": said["figures_until"],
        **({"x-truncated": "true"} if summary.truncated else {}),
    }
    return Response(csv_text(columns, lines), media_type="text/csv", headers=headers)
