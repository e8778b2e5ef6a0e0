"""Every metric of the platform; labels are bounded by configuration (sources, topics, reasons), never by data."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS_IN = Counter("tickplant_records_in_total", "Records taken from Kafka", ["topic"])
RECORDS_OUT = Counter("tickplant_records_out_total", "Records acknowledged by Kafka", ["topic"])
REJECTED = Counter("tickplant_rejected_total", "Values dead-lettered", ["reason"])
REPEATS = Counter("tickplant_repeats_total", "Transformer output seen again and dropped by its origin")
STORED = Counter("tickplant_stored_total", "Facts stored")
DUPLICATES = Counter("tickplant_duplicates_total", "Facts that were stored already")
LATE = Counter("tickplant_late_total", "Facts whose live window had closed")
MISMATCHES = Counter("tickplant_aggregate_mismatch_total", "Live candles that differ from the stored ones")
CHECKPOINTS = Counter("tickplant_checkpoints_total", "Checkpoints acknowledged")
RETRIES = Counter("tickplant_unavailable_total", "Times a dependency did not answer and work was taken up again", ["dependency"])
FENCED = Counter("tickplant_fenced_total", "Batches refused because another replica had moved the position")
REBALANCES = Counter("tickplant_rebalances_total", "Changes of the partition assignment")
OPEN_WINDOWS = Gauge("tickplant_open_windows", "Live windows held in memory")
WATERMARK = Gauge("tickplant_watermark_seconds", "Watermark as Unix time", ["source", "partition"])
ASSIGNED = Gauge("tickplant_assigned_partitions", "Partitions this replica owns")
OUTBOX = Gauge("tickplant_outbox_rows", "Rows waiting for the relay")
WRITE_SECONDS = Histogram("tickplant_write_seconds", "One transaction of the writer")
BATCH_RECORDS = Histogram("tickplant_batch_records", "Records per batch", buckets=(1, 10, 100, 1000, 5000, 10000, 20000, 50000))
HTTP_SECONDS = Histogram("tickplant_http_seconds", "Requests answered by the api", ["route", "status"])
