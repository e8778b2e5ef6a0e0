"""`python -m bench`: runs the measurements, prints the table, and writes it with every sample to bench/results/.

    python -m bench                                          everything, as in docs/benchmarks.md: some twenty minutes
    python -m bench --only transformer --records 50000 --rounds 1
    python -m bench --only transformer --peers kstreams,quix

Figures of a machine that does something else meanwhile are worth nothing: each sample keeps the load before it.
"""

import argparse
import logging
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench import machine, stack
from bench.figures import Sample
from bench.measurements import MEASUREMENTS, Measurement
from bench.sampling import FAULTS
from bench.session import Options, Session
from bench.table import Row, render

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """With --strict, exit code 1 unless every must is met."""
    given = _arguments()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = [measurement for measurement in MEASUREMENTS if not given.only or measurement.name in given.only]
    options = Options(given.records, given.rounds, given.seconds, given.limit, frozenset(given.peers), given.orders)
    samples: dict[str, list[Sample]] = {}
    rows: list[Row] = []
    with stack.running(options, say, keep=given.keep) as session:
        for measurement in chosen:
            say(f"measuring {measurement.name}")
            samples[measurement.name] = _measured(measurement, session)
            rows += measurement.rows(samples[measurement.name])
        if given.keep:
            say(f"logs and data are in {session.home}")
    print(render(rows))
    print(f"\nwritten to {_write(options, samples, rows)}")
    return int(given.strict and any(not row.met.startswith("yes") for row in rows if row.must != "—"))


def _measured(measurement: Measurement, session: Session) -> list[Sample]:
    """Its samples; one that cannot even begin leaves the others alone."""
    try:
        return measurement.measure(session)
    except FAULTS as fault:
        say(f"{measurement.name}: {fault}")
        return [Sample(measurement.name, 0, {}, str(fault))]


def say(line: str) -> None:
    """Progress, apart from the table."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    names = [measurement.name for measurement in MEASUREMENTS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=_listed, default=[], metavar="NAME,…", help=f"of {', '.join(names)}")
    parser.add_argument("--peers", type=_listed, default=[], metavar="NAME,…", help="only these peers; `--peers none` runs none")
    parser.add_argument("--rounds", type=int, default=3, help="how often every contestant runs, in turn (3)")
    parser.add_argument("--records", type=int, default=1_000_000, help="trades of the market (1,000,000)")
    parser.add_argument("--orders", type=int, default=100_000, help="orders of the files: some 7.5 rows each (100,000; full size 500,000)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long a load of requests lasts (10)")
    parser.add_argument("--limit", type=float, default=300.0, help="after how many seconds a run has failed (300)")
    parser.add_argument("--keep", action="store_true", help="leave logs and data")
    parser.add_argument("--strict", action="store_true", help="exit code 1 unless every must is met")
    given = parser.parse_args()
    if unknown := set(given.only) - set(names):
        parser.error(f"--only {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    return given


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _write(options: Options, samples: dict[str, list[Sample]], rows: list[Row]) -> Path:
    now = datetime.now(UTC)
    document: dict[str, Any] = {
        "at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": machine.describe(),
        "options": {
            "records": options.records,
            "orders": options.orders,
            "rounds": options.rounds,
            "seconds": options.seconds,
            "peers": sorted(options.peers),
        },
        "table": rows,
        "samples": samples,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1))
    return path


if __name__ == "__main__":
    sys.exit(main())
