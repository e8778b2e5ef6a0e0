"""Prices: candles and latest of Postgres, throughput by symbol."""

from deploy.grafana import sql
from deploy.grafana.model import Dashboard, Panel, Sql, Variable

BOARD = Dashboard(
    "tickplant-market",
    "Market",
    (
        Panel("$source $symbol", (Sql(sql.CANDLES, series=False),), kind="candlestick", width=24),
        Panel("Ticks a minute by symbol", (Sql(sql.TICKS_BY_SYMBOL),), width=12),
        Panel("Volume of $symbol by source", (Sql(sql.VOLUME),), width=12),
        Panel("Late ticks by source", (Sql(sql.LATE_BY_SOURCE),), width=12),
        Panel("Latest", (Sql(sql.LATEST, series=False),), kind="table", width=12),
    ),
    (Variable("source", sql.SOURCES), Variable("symbol", sql.SYMBOLS)),
)
