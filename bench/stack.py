"""Kafka and Postgres for one run: the parts that `make up` starts, in a folder and on ports of the run's own.

Invariant: both are stopped and the folder is gone when the run ends, however it ends.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.faults import Fault
from bench.session import Options, Session
from deploy.local.instance import Instance
from deploy.local.java import Java
from deploy.local.kafka import Kafka
from deploy.local.part import Part
from deploy.local.ports import free_ports
from deploy.local.postgres import Postgres
from deploy.local.settings import load
from shared import settings

PREFIX = "bench."


@contextmanager
def running(options: Options, say: Callable[[str], None], *, keep: bool = False) -> Iterator[Session]:
    """A session on running servers."""
    local = load()
    kafka_port, controller_port, postgres_port = free_ports(3)
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="tickplant-bench-"))
        if not keep:
            stack.callback(shutil.rmtree, home, ignore_errors=True)
        kafka = Kafka(home / "kafka", kafka_port, controller_port, Java(local.maven_repository, local.cache, say))
        postgres = Postgres(home / "postgres", postgres_port)
        servers = {part.name: _start(stack, part, home, say) for part in (kafka, postgres)}
        reached = settings.Kafka(bootstrap_servers=kafka.environment()["KAFKA_BOOTSTRAP_SERVERS"], topic_prefix=PREFIX)
        yield Session(options, reached, postgres.url(), home, local.cache / "bench", local.maven_repository, say, servers)


def _start(stack: ExitStack, part: Part, home: Path, say: Callable[[str], None]) -> int:
    """Its process id."""
    say(f"starting {part.name}")
    instance = Instance(part, home / f"{part.name}.log")
    stack.callback(instance.stop)
    instance.start()
    if instance.pid is None:
        raise Fault(f"{part.name} has ended")
    return instance.pid
