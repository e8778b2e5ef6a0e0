"""POST /ticks: what users push takes the way of every tick, is stored once however often it is sent, and is refused whole if wrong."""

from decimal import Decimal

import httpx

from tests.system.services import Services
from tests.system.store import query, until

AT = "2025-01-08T14:30:00Z"
BATCH: list[dict[str, object]] = [
    {"symbol": "BTC-USD", "time": "2025-01-08T14:30:01.5Z", "price": 39432.48, "size": "0.000263", "side": "buy", "id": "t1"},
    {"symbol": "btc/usd", "time": 1736346602000, "bid": 39432.47, "ask": 39432.48, "bid_size": 1.5},
    {"source": "push-desk", "symbol": "BTC-USD", "time": AT, "price": "39432.4800"},
    {"source": "push-desk", "symbol": "AAPL", "time": AT, "open": 131, "high": 132, "low": 130.5, "close": 131.4, "volume": 1200},
]


def test_pushed_ticks_are_stored_once_and_folded(services: Services, database_url: str) -> None:
    for part in ("transformer", "writer", "api"):
        services.start(part)
    services.wait_ready("api")
    base = f"http://127.0.0.1:{services.api_port}"
    for _ in range(2):
        assert httpx.post(f"{base}/ticks", json=BATCH).json() == {"accepted": 4}
    assert httpx.post(f"{base}/ticks", json=BATCH[0]).json() == {"accepted": 1}
    ledger = "SELECT source, sum(stored), sum(duplicate), sum(rejected) FROM ledger GROUP BY source ORDER BY source"
    until(lambda: [tuple(row) for row in query(database_url, ledger)], [("push", 2, 3, 0), ("push-desk", 2, 2, 0)], 60, services.logs)
    found = httpx.get(f"{base}/ticks", params={"symbol": "BTC-USD"}).json()["results"]
    assert [(row["source"], row["kind"], row["price"], row["bid"], row["size"]) for row in found] == [
        ("push-desk", "index", 39432.48, None, None),
        ("push", "trade", 39432.48, None, 0.000263),
        ("push", "quote", None, 39432.47, None),
    ]
    candles = "SELECT source, kind, open, volume FROM candles WHERE symbol = 'AAPL'"
    assert [tuple(row) for row in query(database_url, candles)] == [("push-desk", "bar", Decimal(131), Decimal(1200))]


def test_one_bad_tick_refuses_the_request_and_says_which(services: Services) -> None:
    services.start("api")
    services.wait_ready("api")
    base = f"http://127.0.0.1:{services.api_port}"
    wrong = {
        "price": {**BATCH[0], "price": -1},
        "source": {**BATCH[0], "source": "binance"},
        "time": {**BATCH[0], "time": 1736346602},
        "unknown": {**BATCH[0], "colour": "red"},
    }
    for what, tick in wrong.items():
        answer = httpx.post(f"{base}/ticks", json=[BATCH[0], tick])
        assert (answer.status_code, "tick 1" in answer.text) == (422, True), (what, answer.text)
    assert httpx.post(f"{base}/ticks", content=b"{").status_code == 422
    assert httpx.post(f"{base}/ticks", json=[BATCH[0]] * 1001).status_code == 413
