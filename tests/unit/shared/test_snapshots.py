"""A snapshot as the lines of a CSV, and its files."""

import fcntl
import threading
import time
from decimal import Decimal
from pathlib import Path

import msgspec

from shared.price_files import append
from shared.snapshots import COLUMNS, Attempt, Skipped, Snapshot, attempts, document, path, rows

AT = 1_768_303_934_250_000  # 2026-01-13T11:32:14.25Z
FAILED = Attempt("coingecko", 1, ["bitcoin", "ETH"], AT, 31, 500, error="status 500")
DEAD = Attempt("coingecko", 2, ["bitcoin", "ETH"], AT, 5000, error="ConnectTimeout")
PART = Attempt("coincap", 1, ["bitcoin", "ETH"], AT, 40, 200, {"bitcoin": Decimal("67187.33000")})
REST = Attempt("binance", 1, ["ETH"], AT, 12, 200, {"ETH": Decimal("1E-7")}, flags=["usdt_as_usd"])


def test_every_attempt_has_a_row_an_asset() -> None:
    at = "2026-01-13T11:32:14.250000Z"
    assert rows([FAILED, DEAD, PART, REST]) == [
        [at, "coingecko", "bitcoin", "", "500", "31", "1"],
        [at, "coingecko", "ETH", "", "500", "31", "1"],
        [at, "coingecko", "bitcoin", "", "", "5000", "2"],
        [at, "coingecko", "ETH", "", "", "5000", "2"],
        [at, "coincap", "bitcoin", "67187.33000", "200", "40", "1"],
        [at, "coincap", "ETH", "", "200", "40", "1"],
        [at, "binance", "ETH", "0.0000001", "200", "12", "1"],
    ]


def test_a_snapshot_knows_what_is_missing() -> None:
    snapshot = Snapshot(AT, AT, ["ETH", "bitcoin", "solana"], [FAILED, PART, REST])
    assert snapshot.missing == ["solana"]
    assert [(asset, attempt.source) for asset, attempt in snapshot.prices()] == [("ETH", "binance"), ("bitcoin", "coincap")]


def test_what_is_told_of_a_snapshot_holds_its_attempts() -> None:
    told = document(Snapshot(AT, AT, ["ETH", "bitcoin"], [FAILED, DEAD, PART, REST], [Skipped("coinbase", "open")]))
    assert attempts(msgspec.json.decode(msgspec.json.encode(told))) == [FAILED, DEAD, PART, REST]
    assert [(price["asset"], price["price_usd"], price["flags"]) for price in told["prices"]] == [
        ("ETH", Decimal("1E-7"), ["usdt_as_usd"]),
        ("bitcoin", Decimal("67187.33000"), []),
    ]


def test_the_runs_of_a_minute_share_a_file_whoever_writes_at_once(tmp_path: Path) -> None:
    assert path(AT) == "2026/01/13/prices-1132.csv"
    threads = [threading.Thread(target=append, args=(tmp_path, AT + n, [FAILED, PART] * 50)) for n in range(8)]
    file = tmp_path / path(AT)
    file.parent.mkdir(parents=True)
    with file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for thread in threads:
            thread.start()
        time.sleep(0.05)  # some of them have opened the empty file by now, and must see what the others write meanwhile
    for thread in threads:
        thread.join()
    lines = (tmp_path / path(AT)).read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[1:] == [",".join(row) for row in rows([FAILED, PART])] * 50 * 8
    append(tmp_path, AT + 60_000_000, [PART])
    assert sorted(file.name for file in tmp_path.rglob("*.csv")) == ["prices-1132.csv", "prices-1133.csv"]
