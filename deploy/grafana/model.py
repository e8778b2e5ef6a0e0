"""Panels and dashboards, and the JSON that Grafana provisions them from. Fixed uids: links to them last."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

PROMETHEUS = {"type": "prometheus", "uid": "tickplant-prometheus"}
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "tickplant-postgres"}
COLUMNS = 24
WIDTH, HEIGHT = 8, 7
Kind = Literal["timeseries", "stat", "table", "candlestick", "barchart"]


@dataclass(frozen=True)
class Query:
    """One question to Prometheus. `steady`: a fault or a setting, so its value need not move while all is well."""

    expr: str
    legend: str = ""
    steady: bool = False


@dataclass(frozen=True)
class Sql:
    """One question to Postgres; `$__timeFilter(column)` and the dashboard's variables are filled in by Grafana."""

    text: str
    series: bool = True  # else a table


@dataclass(frozen=True)
class Panel:
    """One panel, of Prometheus or of Postgres."""

    title: str
    queries: Sequence[Query | Sql]
    unit: str = "short"
    kind: Kind = "timeseries"
    width: int = WIDTH
    says: str = ""


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a dashboard, asked of Postgres."""

    name: str
    sql: str
    many: bool = False


@dataclass(frozen=True)
class Dashboard:
    """A page; its panels are laid out from left to right."""

    uid: str
    title: str
    panels: Sequence[Panel]
    variables: Sequence[Variable] = field(default=())


_LINK = {
    "type": "dashboards",
    "tags": ["tickplant"],
    "title": "Tickplant",
    "tooltip": "",
    "icon": "external link",
    "asDropdown": True,
    "includeVars": False,
    "keepTime": True,
    "targetBlank": False,
}
_LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}


def render(board: Dashboard) -> dict[str, Any]:
    """The document that Grafana provisions."""
    return {
        "uid": board.uid,
        "title": f"Tickplant: {board.title}",
        "tags": ["tickplant"],
        "schemaVersion": 39,
        "editable": False,
        "timezone": "utc",
        "refresh": "5s",
        "time": {"from": "now-30m", "to": "now"},
        "links": [_LINK],
        "templating": {"list": [_variable(variable) for variable in board.variables]},
        "panels": list(_panels(board.panels)),
    }


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "name": variable.name,
        "type": "query",
        "datasource": POSTGRES,
        "query": variable.sql,
        "refresh": 2,
        "sort": 1,
        "multi": variable.many,
        "includeAll": variable.many,
    }


def _panels(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + HEIGHT
        yield _panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": HEIGHT})
        x += panel.width


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    source = POSTGRES if isinstance(panel.queries[0], Sql) else PROMETHEUS
    made: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "gridPos": place,
        "datasource": source,
        "targets": [_target(chr(ord("A") + at), query, source) for at, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
    }
    if panel.kind == "timeseries":
        made["fieldConfig"] = {"defaults": {"unit": panel.unit, "custom": {"fillOpacity": 10, "spanNulls": False}}, "overrides": []}
        made["options"] = {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}
    return made


def _target(letter: str, query: Query | Sql, source: dict[str, str]) -> dict[str, Any]:
    if isinstance(query, Sql):
        shape = "time_series" if query.series else "table"
        return {"refId": letter, "datasource": source, "rawSql": query.text, "rawQuery": True, "editorMode": "code", "format": shape}
    return {"refId": letter, "datasource": source, "expr": query.expr, "legendFormat": query.legend or "__auto", "editorMode": "code"}
