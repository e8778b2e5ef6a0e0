"""`make example`: daily bars of five stocks, fetched, stored and asked for again, all on this machine and without the internet.

It starts a stack of its own on free ports, with the simulated exchange as its provider, and leaves nothing but what it printed and the
files in `--output`. Invariant: another stack that runs here is not touched.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from deploy.local.ports import free_ports
from deploy.local.settings import LocalSettings, inherited

PARTS = "kafka,postgres,fetcher,transformer,writer,api,simulator"
EXTERNAL = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "POLYGON__BASE_URL", "FETCHER__SOURCES")
COLUMNS = ("date", "open", "high", "low", "close", "volume", "session", "market_phase")
START_SECONDS = 300


class Example:
    """A stack in a folder, and the operator's command on it."""

    def __init__(self, home: Path, output: Path) -> None:
        fields = [str(field.alias) for name, field in LocalSettings.model_fields.items() if name.endswith("_port")]
        ports = dict(zip(fields, map(str, free_ports(len(fields))), strict=True))
        self.api = f"http://127.0.0.1:{ports['API_PORT']}"
        kept = {name: value for name, value in inherited().items() if name not in EXTERNAL}
        own = {"TICKPLANT_HOME": str(home), "TICKPLANT_SIMULATOR": "on", "WRITER__OUTPUT_FOLDER": str(output.resolve())}
        self.environment = {**kept, **ports, **own, "SIMULATOR__RATE": "0.1", "POLYGON_API_KEY": ""}

    def tickplant(self, *arguments: str, quiet: bool = False) -> None:
        """The command; what it prints is shown unless it is to be quiet. Raises `CalledProcessError`."""
        command = [sys.executable, "-m", "services.cli", *arguments]
        subprocess.run(command, env=self.environment, check=True, timeout=START_SECONDS, stdout=subprocess.PIPE if quiet else None)


def main() -> int:
    """Runs the example; exit code 1 when a step of it failed."""
    parser = argparse.ArgumentParser(prog="example")
    parser.add_argument("--from", dest="first", default="2024-11-25")
    parser.add_argument("--to", dest="last", default="2024-12-06")
    parser.add_argument("--output", type=Path, default=Path("output"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tickplant-example-") as home:
        began = time.time()
        example = Example(Path(home), given.output)
        try:
            say("starting Kafka, Postgres, the services and the simulated exchange")
            example.tickplant("up", "--detach", "--only", PARTS, quiet=True)
            say(f"tickplant fetch daily --from {given.first} --to {given.last}")
            example.tickplant("fetch", "daily", "--from", given.first, "--to", given.last)
            show(example.api, f"/daily/AAPL?from={given.first}&to={given.last}")
            wait_for(given.output / "runs", began)
        except (subprocess.SubprocessError, OSError) as fault:
            say(f"the example stopped: {fault}")
            return 1
        finally:
            subprocess.run([sys.executable, "-m", "services.cli", "down"], env=example.environment, check=False, stdout=subprocess.PIPE)
    say(f"files: {given.output}/daily/<ticker>/<date>.json, {given.output}/runs/<run_id>.json")
    return 0


def wait_for(folder: Path, since: float) -> None:
    """The writer leaves a run's files right behind its end."""
    while not any(path.stat().st_mtime >= since for path in folder.glob("*.json")):
        if time.time() - since > START_SECONDS:
            raise OSError(f"no file of the run in {folder}")
        time.sleep(0.1)


def show(api: str, path: str) -> None:
    """The days as the api answers them."""
    say(f"GET {path}")
    with urllib.request.urlopen(api + path, timeout=30) as answer:  # noqa: S310 the address is this example's own
        rows = json.loads(answer.read(), parse_float=str)["results"]
    for row in ({name: name for name in COLUMNS}, *rows):
        say("  ".join(f"{row[name]!s:<10}" for name in COLUMNS).rstrip())


def say(line: str) -> None:
    """A line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
