"""Load on an HTTP server: as much as it takes, by wrk where it is installed, and a steady rate, by `load`.

wrk sends no steady rate, and the own generator takes more of the machine than wrk does: each is used for what it is good at.
"""

import re
import shutil
import sys
from pathlib import Path

import msgspec

from bench.faults import Fault
from bench.load import Answered
from bench.session import Session
from deploy.local.ports import HOST

CONNECTIONS = 32
_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_SCRIPT = """\
local at, requests = 0, {}
init = function() for path in io.lines("%s") do requests[#requests + 1] = wrk.format("GET", path) end end
request = function() at = at %% #requests + 1 return requests[at] end
"""


def full(session: Session, port: int, paths: list[str], seconds: float) -> Answered:
    """As many requests as are answered over 32 connections."""
    wrk = shutil.which("wrk")
    listed = _listed(session, paths)
    if wrk is None:
        return _own(session, port, listed, seconds, 0)
    script = listed.with_suffix(".lua")
    script.write_text(_SCRIPT % listed, encoding="utf-8")
    arguments = ("-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency", "-s", str(script), f"http://{HOST}:{port}")
    process = session.start("wrk", wrk, *arguments)
    process.wait(seconds + 30)
    return parse(process.output)


def steady(session: Session, port: int, paths: list[str], seconds: float, rate: float) -> Answered:
    """Requests at a rate, whatever becomes of them."""
    return _own(session, port, _listed(session, paths), seconds, rate)


def parse(said: str) -> Answered:
    """wrk's report."""
    requests, seconds = re.search(r"(\d+) requests in ([\d.]+)s", said), re.search(r"Requests/sec:\s+([\d.]+)", said)
    if requests is None or seconds is None:
        raise Fault(f"wrk said {said[-500:]!r}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    lost = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    errors = (int(bad[1]) if bad else 0) + (sum(map(int, lost.groups())) if lost else 0)
    count = int(requests[1])
    return Answered(count, count / float(seconds[1]), _latency(said, 50), _latency(said, 99), errors)


def _latency(said: str, percent: int) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s)$", said, re.MULTILINE)
    return float(found[1]) * _MS[found[2]] if found else 0.0


def _listed(session: Session, paths: list[str]) -> Path:
    path = session.home / f"{session.name('paths')}.txt"
    path.write_text("\n".join(paths) + "\n", encoding="utf-8")
    return path


def _own(session: Session, port: int, listed: Path, seconds: float, rate: float) -> Answered:
    arguments = (str(port), str(CONNECTIONS), str(seconds), str(rate), str(listed))
    process = session.start("load", sys.executable, "-m", "bench.load", *arguments)
    process.wait(seconds + 30)
    return msgspec.json.decode(process.output.strip().splitlines()[-1], type=Answered)
