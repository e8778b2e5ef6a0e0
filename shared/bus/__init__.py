"""The only way to Kafka: `admin` (topics), `producer` (acknowledged batches), `consumer` (a group member that loses nothing across
rebalances), `log` (reading a partition by offsets, outside any group). Everything above sees values, offsets and `Unavailable`.
"""

from shared.bus.connection import TopicPartition
from shared.bus.consumer import Consumer
from shared.bus.log import Log
from shared.bus.producer import Producer

__all__ = ["Consumer", "Log", "Producer", "TopicPartition"]
