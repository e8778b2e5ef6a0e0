"""Execution quality as its users write it by hand: pandas, executions in chunks, `merge_asof` by symbol; in floats.

Quotes and orders are held in memory; of the executions one chunk, and what each id came to, since a later line may correct it.
"""

import sys
import time

import numpy as np  # type: ignore[import-not-found,unused-ignore]
import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]

from bench.peers.job import tell

CHUNK = 100_000
RANKS = {"new": 0, "correct": 1, "cancel": 2, "bust": 3}
KEPT = ["trade_id", "order_id", "exec_quantity", "worth", "pi", "rank", "when"]


def main() -> None:
    """Arguments: orders, trades, nbbo, the file of summaries to write."""
    orders_path, trades_path, nbbo_path, out = sys.argv[1:]
    first = time.time()
    nbbo = pd.read_csv(nbbo_path, parse_dates=["timestamp"], dtype={"symbol": "category"}).sort_values(["timestamp", "bid", "ask"])
    quotes = nbbo.assign(symbol=nbbo["symbol"].astype(str))
    count, kept = len(nbbo), []
    for chunk in pd.read_csv(trades_path, parse_dates=["exec_timestamp"], chunksize=CHUNK):
        count += len(chunk)
        kept.append(_priced(chunk, quotes))
    fills = _holding(pd.concat(kept), "trade_id")
    sums = fills[fills["rank"] < 2].groupby("order_id").agg(filled=("exec_quantity", "sum"), notional=("worth", "sum"), pi=("pi", "sum"))
    orders = pd.read_csv(orders_path)
    count += len(orders)
    found = _holding(_ranked(orders, "timestamp"), "order_id").merge(sums, on="order_id", how="left")
    found[["filled", "pi"]] = found[["filled", "pi"]].fillna(0)
    found["vwap"] = found["notional"] / found["filled"].replace(0, np.nan)
    found["fill_rate"] = found["filled"] / found["quantity"]
    found[["order_id", "quantity", "filled", "vwap", "pi", "fill_rate"]].to_csv(out, index=False, float_format="%.12f")
    tell(count, first, time.time())


def _priced(chunk: pd.DataFrame, quotes: pd.DataFrame) -> pd.DataFrame:
    """A chunk's executions with their worth and price improvement."""
    ranked = _ranked(chunk, "exec_timestamp").sort_values("exec_timestamp")
    found = pd.merge_asof(ranked, quotes, left_on="exec_timestamp", right_on="timestamp", by="symbol")
    price = found["exec_price"]
    better = np.where(found["side"] == "buy", found["ask"] - price, price - found["bid"])
    found["pi"] = np.nan_to_num(np.maximum(better, 0)) * found["exec_quantity"]
    found["worth"] = price * found["exec_quantity"]
    return found[KEPT]


def _ranked(rows: pd.DataFrame, at: str) -> pd.DataFrame:
    when = pd.to_datetime(rows["action_timestamp"], utc=True).fillna(pd.to_datetime(rows[at], utc=True))
    return rows.assign(rank=rows["action"].fillna("new").map(RANKS), when=when)


def _holding(rows: pd.DataFrame, key: str) -> pd.DataFrame:
    return rows.sort_values(["rank", "when"], kind="stable").drop_duplicates(key, keep="last")


if __name__ == "__main__":
    main()
