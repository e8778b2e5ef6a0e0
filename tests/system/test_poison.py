"""One record in a hundred is poison: exactly those become dead letters, each with its reason; replayed after a fix, the rest is stored."""

import json
import subprocess
import sys
from pathlib import Path

from shared.settings import Kafka
from shared.topics import DEAD_LETTERS
from tests.system.services import Services
from tests.system.store import headers, query, until

ROWS, EVERY = 2_000, 100
GOOD = "{number},{price},0.5,{time},true"
POISON = {
    "bad_price": "{number},-1,0.5,{time},true",
    "bad_size": "{number},100,0,{time},true",
    "bad_timestamp": "{number},100,0.5,yesterday,true",
    "bad_row": "{number},100",
}


def test_poison_is_dead_lettered_and_everything_else_is_stored(
    services: Services, kafka_settings: Kafka, database_url: str, tmp_path: Path
) -> None:
    for part in ("fetcher", "transformer", "writer", "api"):
        services.start(part)
    for part in ("fetcher", "transformer", "writer", "api"):
        services.wait_ready(part)
    file = tmp_path / "trades.csv"
    file.write_text(written())
    ingest(services, file)
    reasons = "SELECT reason, count(*) FROM dead_letters GROUP BY reason ORDER BY reason"
    expected = [(reason, ROWS // EVERY // len(POISON)) for reason in sorted(POISON)]
    until(lambda: [tuple(row) for row in query(database_url, reasons)], expected)
    letters = [found for found in headers(kafka_settings, DEAD_LETTERS) if "error_reason" in found]
    assert sorted({found["error_reason"].decode() for found in letters}) == sorted(POISON)
    assert len(letters) == ROWS // EVERY
    lines = {int(row[0]) for row in query(database_url, "SELECT line FROM dead_letters")}
    assert lines == {number + 1 for number in range(EVERY, ROWS + 1, EVERY)}
    assert query(database_url, "SELECT count(*) FROM ticks")[0][0] == ROWS - ROWS // EVERY
    kept = query(database_url, "SELECT sum(stored), sum(duplicate), sum(rejected) FROM ledger")[0]
    assert tuple(kept) == (ROWS - ROWS // EVERY, 0, ROWS // EVERY)


def written() -> str:
    """Rows of which each hundredth is poison, the reasons in turn."""
    lines, kinds = ["trade_id,price,quantity,time,is_buyer_maker"], list(POISON.values())
    for number in range(1, ROWS + 1):
        shape = GOOD if number % EVERY else kinds[number // EVERY % len(kinds)]
        lines.append(shape.format(number=number, price=100 + number % 7, time=1_767_225_600_000 + number))
    return "\n".join(lines) + "\n"


def ingest(services: Services, file: Path) -> None:
    """The operator's command, waiting for the end."""
    command = [sys.executable, "-m", "services.cli", "ingest", "prices", str(file), "--source", "binance", "--symbol", "BTC-USDT", "--wait"]
    done = subprocess.run(command, env=services.operator(), capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr + services.logs()
    assert f"stored {ROWS - ROWS // EVERY}, duplicate 0, rejected {ROWS // EVERY}" in done.stdout


def test_a_dead_letter_replayed_after_a_fix_is_stored(services: Services, kafka_settings: Kafka, database_url: str, tmp_path: Path) -> None:
    """The fix is a setting: what was too far ahead of its receive time is no longer."""
    services.configure(TRANSFORMER__MAX_SKEW_MS="0")
    for part in ("fetcher", "transformer", "writer", "api"):
        services.start(part)
    for part in ("fetcher", "transformer", "writer", "api"):
        services.wait_ready(part)
    file = tmp_path / "frames.txt"
    at = 1_767_225_600
    frames = [
        json.dumps({"e": "trade", "s": "BTCUSDT", "t": n, "p": "100", "q": "1", "T": (at + (5 if n == 3 else -1)) * 1000, "m": True})
        for n in range(1, 6)
    ]
    file.write_text("".join(f"{at}.{n}: {frame}\n" for n, frame in enumerate(frames)))
    operator = [sys.executable, "-m", "services.cli"]
    ingested = [*operator, "ingest", "frames", str(file), "--provider", "binance", "--wait"]
    subprocess.run(ingested, env=services.operator(), check=True, capture_output=True, timeout=90)
    assert [tuple(row) for row in query(database_url, "SELECT reason FROM dead_letters")] == [("future_event_time",)]
    services.stop("transformer")
    services.configure(TRANSFORMER__MAX_SKEW_MS="60000")
    services.start("transformer")
    services.wait_ready("transformer")
    replayed = [*operator, "dlq", "replay", "--reason", "future_event_time", "--wait"]
    subprocess.run(replayed, env=services.operator(), check=True, capture_output=True, timeout=90)
    until(lambda: sorted(row[0] for row in query(database_url, "SELECT id FROM ticks")), ["1", "2", "3", "4", "5"])
