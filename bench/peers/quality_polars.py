"""Execution quality with polars in memory: the versions that hold, `join_asof` backward by symbol, sums by order; in floats.

The limit of one machine that reads everything at once and keeps nothing.
"""

import sys
import time

import polars as pl

from bench.peers.job import tell

RANKS = {"new": 0, "correct": 1, "cancel": 2, "bust": 3}


def main() -> None:
    """Arguments: orders, trades, nbbo, the file of summaries to write."""
    orders_path, trades_path, nbbo_path, out = sys.argv[1:]
    first = time.time()
    nbbo = pl.read_csv(nbbo_path, schema_overrides={"bid": pl.Float64, "ask": pl.Float64})
    quotes = nbbo.with_columns(at=_moment("timestamp")).sort("at", "bid", "ask").select("symbol", "at", "bid", "ask")
    trades = pl.read_csv(trades_path, schema_overrides={"exec_price": pl.Float64}, infer_schema_length=10_000)
    fills = _holding(trades, "trade_id", "exec_timestamp").filter(pl.col("rank") < 2).with_columns(at=_moment("exec_timestamp")).sort("at")
    priced = fills.join_asof(quotes, on="at", by="symbol", strategy="backward", check_sortedness=False)
    better = pl.when(pl.col("side") == "buy").then(pl.col("ask") - pl.col("exec_price")).otherwise(pl.col("exec_price") - pl.col("bid"))
    sums = priced.group_by("order_id").agg(
        filled=pl.col("exec_quantity").sum(),
        notional=(pl.col("exec_price") * pl.col("exec_quantity")).sum(),
        pi=(better.clip(0).fill_null(0) * pl.col("exec_quantity")).sum(),
    )
    orders = pl.read_csv(orders_path, infer_schema_length=10_000)
    found = (
        _holding(orders, "order_id", "timestamp").join(sums, on="order_id", how="left").with_columns(pl.col("filled", "pi").fill_null(0))
    )
    found.select(
        "order_id",
        "quantity",
        "filled",
        vwap=pl.col("notional") / pl.col("filled"),
        pi="pi",
        fill_rate=pl.col("filled") / pl.col("quantity"),
    ).write_csv(out, float_precision=12)
    tell(len(nbbo) + len(trades) + len(orders), first, time.time())


def _holding(rows: pl.DataFrame, key: str, at: str) -> pl.DataFrame:
    when = pl.coalesce("action_timestamp", at)
    rank = pl.col("action").fill_null("new").replace_strict(RANKS, return_dtype=pl.Int8)
    return rows.with_columns(rank=rank, when=when).sort("rank", "when").unique(key, keep="last", maintain_order=True)


def _moment(name: str) -> pl.Expr:
    return pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us")


if __name__ == "__main__":
    main()
