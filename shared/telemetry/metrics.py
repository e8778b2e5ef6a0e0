"""Every metric of the platform; labels are bounded by the code, the settings or `names`, never by data: no symbol is a label."""

from prometheus_client import Counter, Gauge, Histogram, Info

from shared.telemetry.bulk import BulkHistogram
from shared.telemetry.names import Names
from shared.telemetry.peaks import Peaks

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

# No label is called service, job or instance: Prometheus has its own of these names, which say whom it asked.
# Labels that data brings: the first so many are told apart, the rest are together.
sources = Names(100)
reasons = Names(50)
services = Names(100)
loops = Names(100)

RECORDS_IN = Counter("tickplant_records_in_total", "Records taken from Kafka", ["topic"])
RECORDS_OUT = Counter("tickplant_records_out_total", "Records acknowledged by Kafka", ["topic"])
REJECTED = Counter("tickplant_rejected_total", "Values rejected, as stored")
DEAD_LETTERS = Counter("tickplant_dead_letters_total", "The same by source and reason", ["source", "reason"])
REPEATS = Counter("tickplant_repeats_total", "Transformer output seen again and dropped by its origin")
FLAGS = Counter("tickplant_flags_total", "Doubts raised about live ticks, as stored", ["flag", "source"])
STORED = Counter("tickplant_stored_total", "Facts stored", ["source"])
DUPLICATES = Counter("tickplant_duplicates_total", "Facts that were stored already", ["source"])
LATE = Counter("tickplant_late_total", "Facts whose live window had closed", ["source"])
STANDING = Gauge("tickplant_flags_standing", "Doubts about live ticks that have not ended", ["flag", "source"])
MISMATCHES = Counter("tickplant_aggregate_mismatch_total", "Live candles that differ from the stored ones")
IMBALANCE = Gauge("tickplant_ledger_imbalance", "Values received less those accounted for, over the complete hours of a day", ["source"])
ROWS_ASTRAY = Gauge("tickplant_rows_astray", "Rows that candles count and the store has not, or the other way round", ["source"])
DATABASE_BYTES = Gauge("tickplant_database_bytes", "Size of the database")
AUDITED = Gauge("tickplant_audited_seconds", "When the store was last audited, as Unix time")
CHECKPOINTS = Counter("tickplant_checkpoints_total", "Checkpoints acknowledged")
RETRIES = Counter("tickplant_unavailable_total", "Times a dependency did not answer and work was taken up again", ["dependency"])
RETRYING = Gauge("tickplant_retrying_seconds", "For how long a loop has been repeating work that fails; 0 while it works", ["loop"])
FENCED = Counter("tickplant_fenced_total", "Batches refused because another replica had moved the position")
REBALANCES = Counter("tickplant_rebalances_total", "Changes of the partition assignment")
COMMIT_FAILURES = Counter("tickplant_commit_failures_total", "Commits of a group's offsets that failed")
OPEN_WINDOWS = Gauge("tickplant_open_windows", "Live windows held in memory")
WATERMARK = Gauge("tickplant_watermark_seconds", "Watermark as Unix time", ["source", "partition"])
ASSIGNED = Gauge("tickplant_assigned_partitions", "Partitions this replica owns")
LAG = Gauge("kafka_consumergroup_lag", "Records of an owned partition that are not done", ["consumergroup", "topic", "partition"])
LAG_SECONDS = Gauge("kafka_consumergroup_lag_seconds", "Age of the oldest of them", ["consumergroup", "topic", "partition"])
OUTBOX = Gauge("tickplant_outbox_rows", "Rows waiting for the relay")
WRITE_SECONDS = Histogram("tickplant_write_seconds", "One transaction of the writer", buckets=SECONDS)
BATCH_RECORDS = Histogram("tickplant_batch_records", "Records per batch", buckets=(1, 10, 100, 1000, 5000, 10000, 20000, 50000))
ARCHIVED = Counter("tickplant_archived_total", "Records stored in objects of the archive", ["topic"])
ARCHIVED_BYTES = Counter("tickplant_archived_bytes_total", "Bytes of objects of the archive")
ADOPTED = Counter("tickplant_archive_adopted_total", "Objects that were there already when they were to be stored")
ARCHIVE_HELD = Gauge("tickplant_archive_held_bytes", "Bytes held of objects that are not stored yet")
ARCHIVE_REFUSED = Gauge("tickplant_archive_refused_partitions", "Partitions whose log ends before their archive does")
UPLOAD_SECONDS = Histogram("tickplant_upload_seconds", "One object stored, its position moved")
QUERYABLE_SECONDS = BulkHistogram(
    "tickplant_event_to_queryable_seconds", "From a live event (of a reference price: its receipt) to its row being committed", SECONDS
)
NEWEST_EVENT = Gauge("tickplant_newest_event_seconds", "Event time of a source's newest live tick stored, as Unix time", ["source"])
SERVICE_EVENTS = Counter("tickplant_service_events_total", "Live operational events stored", ["teller"])
SERVICE_ERRORS = Counter("tickplant_service_errors_total", "Those with a status outside 200..299", ["teller"])
SERVICE_UNTIMED = Counter("tickplant_service_untimed_total", "Those without a latency", ["teller"])
BACK_PRESSURE = Counter("tickplant_back_pressure_total", "Times a source's reader waited for Kafka", ["source"])
ACKNOWLEDGE_SECONDS = Histogram(
    "tickplant_acknowledge_seconds",
    "From a frame's receipt to its acknowledgement by Kafka, the oldest frame of each batch",
    ["source"],
    buckets=(0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 5, 30),
)
RECONNECTS = Counter("tickplant_disconnects_total", "Connections of a source that ended", ["source"])
CONNECTED = Gauge("tickplant_source_connected", "1 while the source's connection is up", ["source"])
HEARD = Gauge("tickplant_source_heard_seconds", "When the source last sent something beyond its greeting, as Unix time", ["source"])
INTERVAL = Gauge("tickplant_source_interval_seconds", "Pause between polls of a source; 0 where it is streamed", ["source"])
RECEIVED = Counter("tickplant_source_received_total", "Frames and responses received", ["source"])
DROPPED = Counter("tickplant_events_dropped_total", "Events of this service's own requests that found their queue full")
PROVIDER_SECONDS = Histogram("tickplant_provider_seconds", "Requests to providers", ["source", "status"])
BREAKERS = Gauge("tickplant_breaker_open", "1 while a source of snapshots is not asked", ["source"])
SNAPSHOTS = Counter("tickplant_snapshots_total", "Snapshots taken", ["status"])
PROVIDER_PEAK = Peaks("tickplant_provider_peak_seconds", "Longest request to a provider of the last minute or two", "source")
HTTP_SECONDS = Histogram("tickplant_http_seconds", "Requests answered by the api", ["route", "status"], buckets=SECONDS)
HTTP_TIMEOUTS = Counter("tickplant_http_timeouts_total", "Requests that got no answer in time", ["route"])
DISK_FREE = Gauge("tickplant_disk_free_bytes", "Free space where TICKPLANT_HOME is")
DISK_SIZE = Gauge("tickplant_disk_bytes", "Size of that file system")
BUILD = Info("tickplant_build", "What runs")

# A series that begins with its first fault hides it from rates: these begin at nought.
for _dependency in ("archive", "kafka", "outbox", "store"):
    RETRIES.labels(_dependency)


def asked(source: str, status: int | None, seconds: float) -> None:
    """A request to a provider has ended; without a status where there was no answer."""
    PROVIDER_SECONDS.labels(source, str(status or "none")).observe(seconds)
    PROVIDER_PEAK.observe(source, seconds)
