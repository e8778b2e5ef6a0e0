"""One run of a contestant as a sample, whatever becomes of it.

Invariant: what goes wrong is said at once and kept in the sample; it never ends the benchmarks.
"""

import os
from collections.abc import Callable

import asyncpg
from aiokafka.errors import KafkaError

from bench.faults import Fault, Skipped
from bench.figures import Sample
from bench.session import Session
from shared.errors import Unavailable

FAULTS = (Fault, Skipped, Unavailable, OSError, KafkaError, asyncpg.PostgresError)


def sample(session: Session, name: str, number: int, run: Callable[[], dict[str, float]]) -> Sample:
    """The figures that `run` returns, or its fault, with the machine's load average just before."""
    session.say(f"round {number}: {name}")
    loaded = round(os.getloadavg()[0], 2)
    try:
        return Sample(name, number, run(), "", loaded)
    except FAULTS as fault:
        said = str(fault) or repr(fault)
        session.say(f"round {number}: {name}: {said}")
        return Sample(name, number, {}, said, loaded)
