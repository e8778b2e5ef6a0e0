"""What one run of the benchmarks has: its options, the servers it started, its folders.

Invariant: everything a run makes lies in `home`, which goes with it, or in `cache`, which the next run uses again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bench.market import MINUTE_MS, Market
from bench.process import Process
from shared.settings import Kafka


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    records: int = 1_000_000
    rounds: int = 3
    seconds: float = 10.0
    limit: float = 300.0
    peers: frozenset[str] = frozenset()
    orders: int = 100_000


@dataclass
class Session:
    """Handed to every measurement."""

    options: Options
    kafka: Kafka
    database_url: str
    home: Path
    cache: Path
    repository: Path
    say: Callable[[str], None]
    servers: dict[str, int] = field(default_factory=dict)  # their process ids
    _names: dict[str, int] = field(default_factory=dict)

    @cached_property
    def market(self) -> Market:
        """Trades of two hours ago: Kafka deletes what is stamped older than its retention and refuses what is ahead of its clock."""
        minute = time.time_ns() // 1_000_000 // MINUTE_MS
        return Market(self.options.records, (minute - 120) * MINUTE_MS)

    def wants(self, peer: str) -> bool:
        """Whether the peer is asked for; none named means all."""
        return not self.options.peers or peer in self.options.peers

    def name(self, stem: str) -> str:
        """A name that nothing in this run had yet."""
        self._names[stem] = self._names.get(stem, 0) + 1
        return f"{stem}-{self._names[stem]}"

    def folder(self, stem: str) -> Path:
        """A new folder."""
        path = self.home / self.name(stem)
        path.mkdir()
        return path

    def start(self, stem: str, *argv: str, **variables: str) -> Process:
        """A measured process with a log of its own."""
        return Process(argv, self.home / f"{self.name(stem)}.log", variables)
