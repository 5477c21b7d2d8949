"""What a dashboard is made of, and how Grafana reads it from a file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

SOURCE: Final[Json] = {"type": "prometheus", "uid": "prometheus"}
_WIDTH: Final = 24
_HEIGHT: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart: PromQL and how each line of it is called."""

    title: str
    queries: Mapping[str, str]
    """PromQL -> legend."""
    unit: str = "short"
    """Grafana's id of a unit."""
    kind: str = "timeseries"
    width: int = 12
    text: str = ""
    """What the chart tells, for who has never seen it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    panels: Sequence[Panel] = field(default_factory=tuple[Panel, ...])


def as_json(board: Board) -> str:
    """The dashboard as Grafana reads it from a file."""
    model: Json = {
        "uid": board.uid,
        "title": board.title,
        "tags": ["llmgateway"],
        "timezone": "utc",
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["llmgateway"], "title": "", "asDropdown": False, "keepTime": True}],
        "panels": _placed(board.panels),
    }
    return json.dumps(model, indent=1) + "\n"


def _placed(panels: Sequence[Panel]) -> list[Json]:
    """Left to right, then the next row."""
    placed, x, y, row = list[Json](), 0, 0, 0
    for number, panel in enumerate(panels, 1):
        height = _HEIGHT // 2 if panel.kind == "stat" else _HEIGHT
        if x + panel.width > _WIDTH:
            x, y, row = 0, y + row, 0
        placed.append(_panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": height}))
        x, row = x + panel.width, max(row, height)
    return placed


def _panel(panel: Panel, number: int, place: Json) -> Json:
    options: Json = {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    if panel.kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area"}
    return {
        "id": number,
        "title": panel.title,
        "description": panel.text,
        "type": panel.kind,
        "gridPos": place,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for index, (query, legend) in enumerate(panel.queries.items())
        ],
    }
