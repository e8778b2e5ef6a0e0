"""Apache Kafka, one KRaft node (broker and controller in one) on the loopback interface.

Invariant: a data directory is formatted once and keeps its cluster id; topics are made by the topic table only.
"""

from __future__ import annotations

import re
import socket
import struct
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deploy.local.files import write_atomically
from deploy.local.java import Java
from deploy.local.part import Command, StartError
from deploy.local.ports import HOST

MEBIBYTE = 1024 * 1024
# The raw topics take 10 MiB, dead letters 64 KiB more; the broker's own limit leaves room for batch overhead.
MAX_MESSAGE_BYTES = 12 * MEBIBYTE

PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.partitions": 12,
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 2,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "message.max.bytes": MAX_MESSAGE_BYTES,
    "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
    "log.message.timestamp.type": "CreateTime",
    # Retention deletes whole closed segments: small segments and frequent checks keep the disk budget.
    "log.segment.bytes": 32 * MEBIBYTE,
    "log.index.size.max.bytes": MEBIBYTE,
    "log.retention.bytes": 256 * MEBIBYTE,
    "log.retention.check.interval.ms": 30_000,
    "log.segment.delete.delay.ms": 10_000,
    "log.cleaner.dedupe.buffer.size": 16 * MEBIBYTE,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
    # A killed broker may register again only when its old session has expired.
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
}

LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %m (%c{1})%n%xEx{10}
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
# Warns at each start that the formatted directory is new, and at each client's leave that it left.
logger.metadata.name = org.apache.kafka.metadata.properties
logger.metadata.level = error
"""


@dataclass(frozen=True)
class Kafka:
    """A broker that keeps its data under `home` and listens on `port`; its controller on `controller_port`."""

    home: Path
    port: int
    controller_port: int
    java: Java
    name: str = "kafka"

    def prepare(self) -> Command:
        self.home.mkdir(parents=True, exist_ok=True)
        write_atomically(self.home / "log4j2.properties", LOGGING)
        write_atomically(self.home / "server.properties", self._properties())
        if not self._meta():
            self._format()
        # On the few cores of one machine the optimising compiler takes more for some minutes than it gives back.
        options = ("-Xmx512m", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile=file:{self.home / 'log4j2.properties'}")
        return self.java.command("kafka", "kafka.Kafka", str(self.home / "server.properties"), options=options)

    def probe(self) -> str | None:
        """Ready when our own cluster answers and has a broker."""
        try:
            brokers, cluster = _metadata(self.port)
        except (OSError, struct.error) as error:
            return f"{HOST}:{self.port}: {error}"
        if self._meta() and cluster not in self._meta():
            return f"another cluster answers on {HOST}:{self.port}"
        return None if brokers else "no broker is registered yet"

    def environment(self) -> dict[str, str]:
        return {"KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{self.port}"}

    def _meta(self) -> str:
        """What Kafka wrote into its data directory when it was formatted, the cluster id among it."""
        path = self.home / "data" / "meta.properties"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _properties(self) -> str:
        own = {
            "log.dirs": self.home / "data",
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
            "controller.quorum.voters": f"1@{HOST}:{self.controller_port}",
        }
        return "".join(f"{key}={value}\n" for key, value in {**PROPERTIES, **own}.items())

    def _format(self) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # An id that starts with a dash would be read as an option.
        cluster = re.sub(r"^-", "0", cluster)
        arguments = ("format", "--cluster-id", cluster, "--config", str(self.home / "server.properties"), "--ignore-formatted")
        done = self.java.run("kafka", "kafka.tools.StorageTool", *arguments)
        if done.returncode:
            raise StartError(f"cannot format Kafka's data directory: {(done.stderr or done.stdout).strip()}")


def _metadata(port: int) -> tuple[int, str]:
    """Number of brokers and cluster id, asked by a Metadata v2 request about no topic (Kafka protocol guide, Metadata)."""
    client = b"probe"
    body = struct.pack(">hhih", 3, 2, 1, len(client)) + client + struct.pack(">i", 0)
    with socket.create_connection((HOST, port), timeout=2) as sock:
        sock.sendall(struct.pack(">i", len(body)) + body)
        stream = sock.makefile("rb")
        _, _, brokers = struct.unpack(">iii", stream.read(12))
        for _ in range(brokers):
            _node, _host, _port, _rack = stream.read(4), _string(stream), stream.read(4), _string(stream)
        return int(brokers), _string(stream)


def _string(stream: BinaryIO) -> str:
    """A nullable string: its length as INT16, -1 for null, then UTF-8."""
    (length,) = struct.unpack(">h", stream.read(2))
    return stream.read(max(length, 0)).decode()
