"""Operational events: the minutes of every service, the platform's own among them."""

from deploy.grafana import sql
from deploy.grafana.model import Dashboard, Panel, Query, Sql, Variable
from deploy.prometheus.expressions import n
from shared.telemetry import metrics as m

_EVENTS = f"sum by (teller) (rate({n(m.SERVICE_EVENTS)}[5m]))"

BOARD = Dashboard(
    "tickplant-operations",
    "Operational metrics",
    (
        Panel("Requests a minute", (Sql(sql.REQUESTS),)),
        Panel("Average latency", (Sql(sql.LATENCY),), "ms"),
        Panel("Error rate", (Sql(sql.ERROR_RATE),), "percentunit"),
        Panel("Events", (Query(_EVENTS, "{{teller}}"),), "cps"),
        Panel(
            "Errors of late",
            (Query(f"sum by (teller) (rate({n(m.SERVICE_ERRORS)}[5m])) / {_EVENTS}", "{{teller}}", steady=True),),
            "percentunit",
        ),
        Panel(
            "Without a latency",
            (Query(f"sum by (teller) (rate({n(m.SERVICE_UNTIMED)}[5m])) / {_EVENTS}", "{{teller}}", steady=True),),
            "percentunit",
        ),
        Panel("Minutes", (Sql(sql.MINUTES, series=False),), kind="table", width=24),
    ),
    (Variable("service", sql.SERVICES, many=True),),
)
