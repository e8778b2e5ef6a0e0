"""Orders and fills against the quotes of their time."""

from deploy.grafana import sql
from deploy.grafana.model import Dashboard, Panel, Sql

BOARD = Dashboard(
    "tickplant-execution",
    "Execution quality",
    (
        Panel("Fills and shares", (Sql(sql.FILLS),)),
        Panel("Price improvement by symbol", (Sql(sql.IMPROVEMENT),), "currencyUSD"),
        Panel("Fill rate", (Sql(sql.FILL_RATE),), "percentunit"),
        Panel("Venues", (Sql(sql.BY_VENUE, series=False),), kind="table", width=12, says="Share-weighted; Rule 605-style."),
        Panel("Best improved orders", (Sql(sql.BEST_ORDERS, series=False),), kind="table", width=12),
    ),
)
