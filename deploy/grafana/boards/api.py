"""The api: how much it is asked, how fast and how well it answers."""

from deploy.grafana.model import Dashboard, Panel, Query
from deploy.prometheus.expressions import average, n, quantile
from shared.telemetry import metrics as m

_COUNT = f"{n(m.HTTP_SECONDS)}_count"

BOARD = Dashboard(
    "tickplant-api",
    "API",
    (
        Panel("Requests by route", (Query(f"sum by (route) (rate({_COUNT}[1m]))", "{{route}}"),), "reqps"),
        Panel("Requests by status", (Query(f"sum by (status) (rate({_COUNT}[1m]))", "{{status}}"),), "reqps"),
        Panel(
            "Error share",
            (Query(f'sum by (status) (rate({_COUNT}{{status!="2xx"}}[5m])) / scalar(sum(rate({_COUNT}[5m])))', "{{status}}"),),
            "percentunit",
        ),
        Panel("Average latency by route", (Query(average(m.HTTP_SECONDS, "route", "1m"), "{{route}}"),), "s"),
        Panel("p99 by route", (Query(quantile(0.99, m.HTTP_SECONDS, "route", "1m"), "{{route}}"),), "s"),
        Panel("Latency", tuple(Query(quantile(q, m.HTTP_SECONDS, window="1m"), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)), "s"),
        Panel("Timeouts", (Query(f"sum by (route) (increase({n(m.HTTP_TIMEOUTS)}[5m]))", "{{route}}", steady=True),)),
        Panel(
            "Errors by route", (Query(f'sum by (route, status) (rate({_COUNT}{{status!="2xx"}}[5m]))', "{{route}} {{status}}"),), "reqps"
        ),
        Panel("CPU", (Query('sum by (instance) (rate(process_cpu_seconds_total{service="api"}[1m]))', "{{instance}}"),), "percentunit"),
    ),
)
