"""The way from Kafka to the store: throughput, lag, latency, what was rejected, and whether the books balance."""

from deploy.grafana.model import Dashboard, Panel, Query, Sql
from deploy.grafana.sql import LEDGER, REASONS
from deploy.prometheus.expressions import average, n, quantile
from shared.telemetry import metrics as m


def rate(metric: object, by: str) -> str:
    """A counter's rate, by labels."""
    return f"sum by ({by}) (rate({n(metric)}[1m]))"  # type: ignore[arg-type]


def total(metric: object) -> str:
    """A counter's rate over everything."""
    return f"sum(rate({n(metric)}[1m]))"  # type: ignore[arg-type]


BOARD = Dashboard(
    "tickplant-pipeline",
    "Pipeline",
    (
        Panel("Services", (Query('up{job="tickplant"}', "{{service}}", steady=True),), kind="stat"),
        Panel("Records in", (Query(rate(m.RECORDS_IN, "service, topic"), "{{service}} {{topic}}"),), "cps"),
        Panel("Records out", (Query(rate(m.RECORDS_OUT, "service, topic"), "{{service}} {{topic}}"),), "cps"),
        Panel("Lag", (Query(f"sum by (consumergroup, topic) ({n(m.LAG)})", "{{consumergroup}} {{topic}}", steady=True),)),
        Panel(
            "Lag in time", (Query(f"max by (consumergroup, topic) ({n(m.LAG_SECONDS)})", "{{consumergroup}} {{topic}}", steady=True),), "s"
        ),
        Panel(
            "Event to queryable",
            tuple(Query(quantile(q, m.QUERYABLE_SECONDS, window="1m"), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)),
            "s",
            says="From a live event's own time to the commit of its row.",
        ),
        Panel("Stored", (Query(rate(m.STORED, "source"), "{{source}}"),), "cps"),
        Panel(
            "Duplicates, late, repeats",
            (
                Query(total(m.DUPLICATES), "duplicates", steady=True),
                Query(total(m.LATE), "late", steady=True),
                Query(total(m.REPEATS), "repeats", steady=True),
            ),
            "cps",
        ),
        Panel("Dead letters", (Query(rate(m.DEAD_LETTERS, "reason"), "{{reason}}"),), "cps"),
        Panel(
            "Books",
            (
                Query(f"max by (source) ({n(m.IMBALANCE)})", "imbalance {{source}}", steady=True),
                Query(f"max by (source) ({n(m.ROWS_ASTRAY)})", "rows astray {{source}}", steady=True),
                Query(f"sum({n(m.MISMATCHES)})", "mismatches", steady=True),
            ),
            says="All nought, always.",
        ),
        Panel(
            "Store",
            (
                Query(average(m.WRITE_SECONDS, "service", "1m"), "average"),
                Query(quantile(0.99, m.WRITE_SECONDS, window="1m"), "p99"),
            ),
            "s",
            says="One transaction of the writer.",
        ),
        Panel(
            "Archive",
            (
                Query(average(m.UPLOAD_SECONDS, "service", "1m"), "average"),
                Query(quantile(0.99, m.UPLOAD_SECONDS, window="1m"), "p99", steady=True),
            ),
            "s",
            says="One object stored in S3, its position moved.",
        ),
        Panel("Archived", (Query(rate(m.ARCHIVED, "topic"), "{{topic}}"),), "cps"),
        Panel(
            "Held for the archive",
            (
                Query(f"sum({n(m.ARCHIVE_HELD)})", "held"),
                Query(f"sum(increase({n(m.ARCHIVED_BYTES)}[5m]))", "stored in five minutes"),
            ),
            "bytes",
        ),
        Panel(
            "Objects refused, adopted",
            (
                Query(f"max({n(m.ARCHIVE_REFUSED)})", "partitions refused", steady=True),
                Query(f"sum(increase({n(m.ADOPTED)}[5m]))", "objects adopted", steady=True),
            ),
        ),
        Panel("Records a batch", (Query(average(m.BATCH_RECORDS, "service", "1m"), "{{service}}"),)),
        Panel(
            "Outbox, windows",
            (Query(f"max({n(m.OUTBOX)})", "outbox rows", steady=True), Query(f"sum({n(m.OPEN_WINDOWS)})", "open windows", steady=True)),
        ),
        Panel("Checkpoints", (Query(total(m.CHECKPOINTS), "checkpoints"),), "cps"),
        Panel(
            "Group",
            (
                Query(f"sum by (service) ({n(m.ASSIGNED)})", "partitions {{service}}", steady=True),
                Query(f"sum by (service) (increase({n(m.REBALANCES)}[5m]))", "rebalances {{service}}", steady=True),
                Query(f"sum by (service) (increase({n(m.COMMIT_FAILURES)}[5m]))", "failed commits {{service}}", steady=True),
            ),
        ),
        Panel(
            "Unavailable",
            (
                Query(f"sum by (service, dependency) (increase({n(m.RETRIES)}[5m]))", "{{service}}: {{dependency}}", steady=True),
                Query(f"sum by (service) (increase({n(m.FENCED)}[5m]))", "fenced {{service}}", steady=True),
            ),
        ),
        Panel("CPU", (Query("sum by (service) (rate(process_cpu_seconds_total[1m]))", "{{service}}"),), "percentunit"),
        Panel("Memory", (Query("sum by (service) (process_resident_memory_bytes)", "{{service}}"),), "bytes"),
        Panel("Up for", (Query("time() - max by (service) (process_start_time_seconds)", "{{service}}"),), "s", kind="stat"),
        Panel(
            "Disk and database",
            (
                Query(f"min({n(m.DISK_FREE)})", "free", steady=True),
                Query(f"max({n(m.DISK_SIZE)})", "size", steady=True),
                Query(f"max({n(m.DATABASE_BYTES)})", "database"),
            ),
            "bytes",
        ),
        Panel("Last audit", (Query(f"time() - max({n(m.AUDITED)})", "ago"),), "s", kind="stat"),
        Panel("Build", (Query(f"max by (service, version, python) ({n(m.BUILD)})", "{{service}} {{version}}", steady=True),), kind="stat"),
        Panel("Ledger", (Sql(LEDGER, series=False),), kind="table", width=12),
        Panel("Dead letters by reason", (Sql(REASONS, series=False),), kind="table", width=12),
    ),
)
