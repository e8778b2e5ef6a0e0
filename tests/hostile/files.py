"""Hostile files: what a folder may hold when somebody points the fetcher at it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from random import Random

from tests.hostile import values

PRICES = b"time,price,size,trade_id,note\n"
_ROW = b"2026-01-05T14:30:%02dZ,39432.48,0.5,%d,x\n"
_GOOD = PRICES + b"".join(_ROW % (n, n) for n in range(5))
_ORDERS = b"order_id,symbol,side,quantity,limit_price,timestamp,destination\nO9,AAPL,buy,10,1.5,2026-01-05T14:30:00Z,XNAS\n"
DAYS = 5_000


def days() -> bytes:
    """Daily closes of 5,000 days."""
    rows = [b"%04d-%02d-%02d,%d.5\n" % (1980 + n // 336, 1 + n // 28 % 12, 1 + n % 28, 100 + n % 50) for n in range(DAYS)]
    return b"date,price\n" + b"".join(rows)


def contents(random: Random) -> dict[str, bytes]:
    """The bytes of each hostile file, by its name."""
    whole = gzip.compress(_GOOD)
    return {
        "nul.csv": _GOOD.replace(b"x\n", b"\0\n"),
        "nul-header.csv": b"time,price\0,size\n" + b"2026-01-05T14:30:00Z,1,1\n",
        "only-nul.csv": b"\0" * 100_000,
        "utf-16.csv": _GOOD.decode().encode("utf-16"),
        "latin-1.csv": _GOOD + "2026-01-05T14:30:09Z,1,1,9,Zürich\n".encode("latin-1"),
        "bom.csv": b"\xef\xbb\xbf" + _GOOD,
        "cut.csv.gz": whole[:-9],
        "rest.csv.gz": whole + b"rest",
        "two.csv.gz": whole + whole,
        "bomb.csv.gz": gzip.compress(b"1" * 30_000_000),
        "magic.csv": b"\x1f\x8b",
        "zip.csv": b"PK\x03\x04" + values.blob(random, 500),
        "parquet.csv": b"PAR1" + values.blob(random, 500) + b"PAR1",
        "unclosed.csv": _GOOD + b'2026-01-05T14:30:09Z,1,1,9,"a\n' + _ROW % (10, 10),
        "two-quotes.csv": PRICES + _ROW % (1, 1) + b'2026-01-05T14:30:09Z,1,1,9,"a\n' + _ROW % (2, 2) + b'2026-01-05T14:30:11Z,1,1,11,"b\n',
        "wide.csv": _GOOD + b",".join([b"1"] * 100_000) + b"\n",
        "wide-header.csv": b",".join(b"c%d" % n for n in range(100_000)) + b"\n1\n",
        "long-line.csv": _GOOD + b"2026-01-05T14:30:09Z,1,1,9," + b"x" * 12_000_000 + b"\n",
        "no-newline.csv": b"x" * 3_000_000,
        "only-header.csv": PRICES,
        "empty.csv": b"",
        "newlines.csv": b"\n" * 50_000,
        "returns.csv": _GOOD.replace(b"\n", b"\r"),
        "days.csv": days(),
        "orders.csv": _ORDERS,
        "orders-nul.csv": _ORDERS + b"O\0,AAPL,buy,1e30,1.5,2026-01-05T14:30:00Z,X\n",
        "blob.csv": random.randbytes(50_000),
        "events.json": b'[{"event_id":"f1","service":"s","event_type":"t","timestamp":"2026-01-05T14:30:00Z"},' * 3,
        "deep.json": b"[" * 200_000,
        "one-line.json": b'{"event_id":"f2","service":"s","event_type":"t","timestamp":1}' * 50 + b"\n",
        "frames.txt": b"1767623400.1: {\n1767623400.2: \xff\xfe\n: \n99999999999999.1: {}\n",
    }


def write(folder: Path, random: Random) -> list[Path]:
    """Writes them all below the folder, with links, pipes and folders that are named like files; returns the paths to ask for."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in contents(random).items():
        path = folder / name
        path.write_bytes(content)
        paths.append(path)
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    (folder / "loop.csv").symlink_to(folder / "loop.csv")
    (folder / "out.csv").symlink_to("/etc/passwd")
    (folder / "unreadable.csv").write_bytes(_GOOD)
    (folder / "unreadable.csv").chmod(0)
    special = ("folder.csv", "pipe.csv", "loop.csv", "out.csv", "unreadable.csv", "none.csv", "n" * 300)
    return [*paths, *(folder / name for name in special), Path("/dev/zero"), Path("/dev/tty"), Path("/proc/kmsg")]
