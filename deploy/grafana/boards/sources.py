"""What each source says and how well: connection, silence, delay, requests, gaps."""

from deploy.grafana.model import Dashboard, Panel, Query, Sql
from deploy.grafana.sql import COVERAGE, GAPS, SOURCE_STATES
from deploy.prometheus.expressions import average, n, quantile
from shared.telemetry import metrics as m

_LIVE = f"and on (source) max by (source) ({n(m.HEARD)})"  # a source that was taken out is nobody's delay
_COUNT = f"{n(m.PROVIDER_SECONDS)}_count"

BOARD = Dashboard(
    "tickplant-sources",
    "Sources",
    (
        Panel("Connected", (Query(f"max by (source) ({n(m.CONNECTED)})", "{{source}}", steady=True),), kind="stat"),
        Panel("Received", (Query(f"sum by (source) (rate({n(m.RECEIVED)}[1m]))", "{{source}}"),), "cps"),
        Panel("Silent for", (Query(f"time() - max by (source) ({n(m.HEARD)})", "{{source}}"),), "s"),
        Panel(
            "Freshness",
            (Query(f"(time() - max by (source) ({n(m.NEWEST_EVENT)})) {_LIVE}", "{{source}}"),),
            "s",
            says="Age of the newest tick that can be queried.",
        ),
        Panel("Watermark delay", (Query(f"(time() - min by (source) ({n(m.WATERMARK)} > 0)) {_LIVE}", "{{source}}"),), "s"),
        Panel(
            "Disconnects, back-pressure",
            (
                Query(f"sum by (source) (increase({n(m.RECONNECTS)}[5m]))", "disconnects {{source}}", steady=True),
                Query(f"sum by (source) (increase({n(m.BACK_PRESSURE)}[5m]))", "back-pressure {{source}}", steady=True),
            ),
        ),
        Panel("Requests by status", (Query(f"sum by (source, status) (rate({_COUNT}[1m]))", "{{source}} {{status}}"),), "reqps"),
        Panel(
            "Success",
            (
                Query(
                    f'sum by (source) (rate({_COUNT}{{status=~"2..|304"}}[5m])) / sum by (source) (rate({_COUNT}[5m]))',
                    "{{source}}",
                    steady=True,
                ),
            ),
            "percentunit",
        ),
        Panel(
            "Request duration",
            (
                Query(average(m.PROVIDER_SECONDS, "source"), "average {{source}}"),
                Query(quantile(0.95, m.PROVIDER_SECONDS, "source"), "p95 {{source}}", steady=True),
                Query(f"max by (source) ({n(m.PROVIDER_PEAK)})", "maximum {{source}}", steady=True),
            ),
            "s",
        ),
        Panel(
            "Breakers of snapshots", (Query(f"max by (source) ({n(m.BREAKERS)})", "{{source}}", steady=True),), says="1: it is not asked."
        ),
        Panel("Snapshots", (Query(f"sum by (status) (increase({n(m.SNAPSHOTS)}[5m]))", "{{status}}"),)),
        Panel("Doubts that stand", (Query(f"sum by (flag, source) ({n(m.STANDING)})", "{{flag}} {{source}}", steady=True),)),
        Panel("Late", (Query(f"sum by (source) (rate({n(m.LATE)}[5m]))", "{{source}}", steady=True),), "cps"),
        Panel("Own events dropped", (Query(f"sum by (service) (increase({n(m.DROPPED)}[5m]))", "{{service}}", steady=True),)),
        Panel("Coverage", (Sql(COVERAGE, series=False),), "percentunit", kind="table"),
        Panel("States", (Sql(SOURCE_STATES, series=False),), kind="table", width=12),
        Panel("Gaps", (Sql(GAPS, series=False),), kind="table", width=12),
    ),
)
