"""The only way to Kafka: `admin` (topics), `producer` (acknowledged batches), `consumer` (a group member that loses nothing across
rebalances), `log` (reading a partition by offsets, outside any group), `delivered` (what
both deliver of a record), `outlet` (records that requests bring, bounded), `reporter` (a
service's own requests as operational events). `Consumer` is imported from its own module, since FastStream takes a second to load that a
command or the api need not spend. Everything above sees values, offsets and `Unavailable`.
"""

from shared.bus import delivered
from shared.bus.connection import TopicPartition
from shared.bus.log import Log
from shared.bus.producer import Producer

__all__ = ["Log", "Producer", "TopicPartition"]

delivered.install()
