"""The one table of topics: name, key, payload, partitions and retention. Nothing else spells a topic's name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

DAY_MS: Final = 86_400_000
MIB: Final = 1024 * 1024
RAW_LIMIT: Final = 10 * MIB  # the largest raw record the fetcher publishes
DEAD_LETTER_LIMIT: Final = RAW_LIMIT + 64 * 1024
PARTITIONS: Final = 12
Tier = Literal["bronze", "silver", "gold"]  # of the archive: as received, normalised, what came of it


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic; retention is by age and, per partition, by size, so that a small machine's disk budget holds."""

    name: str
    value: str
    key: str
    cleanup: str = "delete"
    retention_days: int = 7
    retention_mib: int = 64
    partitions: int = PARTITIONS
    limit: int = RAW_LIMIT
    tier: Tier = "bronze"

    @property
    def config(self) -> dict[str, str]:
        """The broker's settings of this topic."""
        settings = {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.limit + 64 * 1024),
            "message.timestamp.type": "CreateTime",
            "segment.bytes": str(max(self.retention_mib // 4, 16) * MIB),
        }
        if "delete" in self.cleanup:
            settings |= {"retention.ms": str(self.retention_days * DAY_MS), "retention.bytes": str(self.retention_mib * MIB)}
        if "compact" in self.cleanup:
            settings |= {"min.cleanable.dirty.ratio": "0.1", "segment.ms": str(3_600_000)}
        return settings


MARKET_RAW = Topic("market.raw.v1", "the provider's bytes; control records", "source|native symbol", retention_mib=96)
TRADING_RAW = Topic("trading.raw.v1", "order, trade or NBBO row as received", "symbol")
OPS_RAW = Topic("ops.raw.v1", "operational event as received", "service", retention_mib=16)
TICKS = Topic("market.ticks.v1", "Trade, Quote, IndexPrice, Bar, MarketInfo, Marker, Tally", "symbol", retention_mib=96, tier="silver")
CANDLES = Topic(
    "market.candles.v1", "Candle, GivenUp", "source|symbol|kind|interval|start, partitioned by symbol", "compact,delete", 7, 32, tier="gold"
)
FLAGS = Topic("market.flags.v1", "Flag", "source|symbol|kind|flag|first, partitioned by symbol", "compact,delete", 7, 16, tier="gold")
TRADING_EVENTS = Topic("trading.events.v1", "Order, Execution, Nbbo, Marker, Tally", "symbol", tier="silver")
FILLS = Topic("trading.fills.v1", "Fill", "symbol", retention_mib=32, tier="gold")
SUMMARIES = Topic("trading.summaries.v1", "OrderSummary", "order_id, partitioned by symbol", "compact,delete", 7, 32, tier="gold")
OPS_EVENTS = Topic("ops.events.v1", "ServiceEvent, Marker, Tally", "service", retention_mib=16, tier="silver")
MINUTES = Topic(
    "ops.minutes.v1", "ServiceMinute, MinuteGivenUp", "service|start, partitioned by service", "compact,delete", 7, 16, tier="gold"
)
RUNS = Topic("pipeline.runs.v1", "Run, Cancel", "run_id; run_id|cancel; partitioned by run_id", "compact")
SKIPS = Topic("pipeline.skips.v1", "Skip", "topic|partition|offset, in the partition it is about", "compact")
SOURCES = Topic(
    "pipeline.sources.v1",
    "SourceState, Hole, SourceWanted",
    "source; source|hole|…; source|wanted; partitioned by source",
    "compact",
)
DEAD_LETTERS = Topic("pipeline.dlq.v1", "the rejected record's own bytes", "original key", "delete", 90, 32, limit=DEAD_LETTER_LIMIT)
CHECKPOINTS = Topic("pipeline.checkpoints.v1", "Checkpoint, in the partition it is about", "group|topic|partition", "compact")

TOPICS: Final = (
    MARKET_RAW,
    TRADING_RAW,
    OPS_RAW,
    TICKS,
    CANDLES,
    FLAGS,
    TRADING_EVENTS,
    FILLS,
    SUMMARIES,
    OPS_EVENTS,
    MINUTES,
    RUNS,
    SOURCES,
    SKIPS,
    DEAD_LETTERS,
    CHECKPOINTS,
)
# What no store knows, or not yet: read from the first offset by whoever takes a partition, so never deleted.
STATE: Final = (RUNS, SOURCES, SKIPS, CHECKPOINTS)
# Where the events of a raw topic go.
EVENTS_OF: Final = {MARKET_RAW.name: TICKS, TRADING_RAW.name: TRADING_EVENTS, OPS_RAW.name: OPS_EVENTS}
# The groups whose members read a topic record by record, beside the archive.
_STORED = (TICKS, CANDLES, FLAGS, OPS_EVENTS, MINUTES, TRADING_EVENTS, DEAD_LETTERS, RUNS, SOURCES)
READERS: Final = {
    **dict.fromkeys(EVENTS_OF, ("transformer",)),
    **{topic.name: ("quality", "postgres") if topic is TICKS else ("postgres",) for topic in _STORED},
}


def derived(raw: str) -> tuple[Topic, Topic]:
    """The topics that a raw topic's values go to: events, and what was rejected."""
    return EVENTS_OF[raw], DEAD_LETTERS


def differences(topic: Topic, partitions: int, config: dict[str, str]) -> Iterator[str]:
    """What the cluster's topic has otherwise than the table, one sentence each."""
    if partitions != topic.partitions:
        yield f"{topic.name}: {partitions} partitions in the cluster, {topic.partitions} in the table"
    for name, wanted in topic.config.items():
        found = ",".join(sorted(config.get(name, "").split(",")))
        if found != ",".join(sorted(wanted.split(","))):
            yield f"{topic.name}: {name} is {found or 'unset'} in the cluster, {wanted} in the table"
