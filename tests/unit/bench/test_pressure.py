"""wrk's report, as it prints it."""

import pytest

from bench.faults import Fault
from bench.pressure import parse

REPORT = """\
Running 5s test @ http://127.0.0.1:18777
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     4.71ms  812.33us  21.20ms   94.27%
    Req/Sec     6.83k   374.02     7.21k    92.00%
  Latency Distribution
     50%    4.58ms
     75%  912.00us
     90%    5.01ms
     99%    1.02s
  33967 requests in 5.00s, 12.31MB read
Requests/sec:   6791.20
Transfer/sec:      2.46MB
"""


def test_rate_and_latencies_are_read_in_their_units() -> None:
    found = parse(REPORT)
    assert (found.requests, round(found.rate, 2), found.p50_ms, found.p99_ms, found.errors) == (33967, 6791.2, 4.58, 1020.0, 0)


def test_answers_other_than_200_and_lost_ones_are_counted() -> None:
    worse = REPORT.replace(
        "Requests/sec", "  Socket errors: connect 0, read 3, write 0, timeout 2\n  Non-2xx or 3xx responses: 7\nRequests/sec"
    )
    assert parse(worse).errors == 12


def test_anything_else_is_a_fault() -> None:
    with pytest.raises(Fault, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:18777 Connection refused")
