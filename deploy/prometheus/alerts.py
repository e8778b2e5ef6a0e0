"""The table of alerts: what is asked, from which value on, for how long, how urgent it is, and what it makes needless to say.

Invariant: each has a page in docs/runbooks/, named after it. `{t}` stands for the threshold, `{w}` for the window of rates.
"""

import re
from dataclasses import dataclass
from typing import Literal

from deploy.prometheus.expressions import n, quantile
from shared.telemetry import metrics as m


@dataclass(frozen=True)
class Alert:
    """One rule. A `page` wants somebody now, a `ticket` this week. While it fires, those it `hides` are its consequences.

    They must not be told before it or after it: their `hold` is longer, and where they take longer to end it `keeps` firing for a while.
    """

    name: str
    ask: str
    threshold: str
    hold: str
    severity: Literal["page", "ticket"]
    says: str
    window: str = "5m"
    hides: tuple[str, ...] = ()
    keeps: str = "0s"

    @property
    def expression(self) -> str:
        """The PromQL."""
        return self.ask.replace("{t}", self.threshold).replace("{w}", self.window)

    @property
    def page(self) -> str:
        """The runbook's file name: `consumer-lag.md`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", self.name).lower() + ".md"


# The archive is behind by design: a record is done when its object is stored, after S3__OBJECT_SECONDS at the latest.
_ARCHIVE = "(.*[.])?s3"
_EVENTS = f"sum by (teller) (increase({n(m.SERVICE_EVENTS)}[{{w}}]))"
_REJECTED = f"sum by (reason) (rate({n(m.DEAD_LETTERS)}[{{w}}]))"
_RECEIVED = " + ".join(f"sum(rate({n(metric)}[{{w}}]))" for metric in (m.STORED, m.DUPLICATES, m.REJECTED))
_REQUESTS = f"sum(rate({n(m.HTTP_SECONDS)}_count[{{w}}]))"


def _unavailable(dependency: str) -> str:
    return f'sum(increase({n(m.RETRIES)}{{dependency="{dependency}"}}[{{w}}])) > {{t}}'


ALERTS = (
    Alert(
        "ServiceDown",
        'up{job="tickplant"} < {t}',
        "1",
        "1m",
        "page",
        "{{ $labels.service }} does not answer its port",
        hides=("ConsumerLag", "AuditStopped", "NoData"),
        keeps="1m",
    ),
    Alert(
        "KafkaUnavailable",
        _unavailable("kafka"),
        "3",
        "1m",
        "page",
        "Kafka does not answer, or not in time",
        hides=(
            *("StoreUnavailable", "ArchiveUnavailable", "ArchiveLag", "ConsumerLag", "EndToEndLatency", "NoData", "SourceStale"),
            *("ApiErrors", "ApiTimeouts", "ApiSlow"),  # what is pushed waits, and is refused in the end
        ),
        keeps="5m",
    ),
    Alert(
        "StoreUnavailable",
        _unavailable("store"),
        "3",
        "90s",
        "page",
        "Postgres does not answer the writer, or not in time",
        hides=("ConsumerLag", "EndToEndLatency", "ApiErrors", "ApiTimeouts", "ApiSlow", "AuditStopped"),
        keeps="5m",
    ),
    Alert(
        "ArchiveUnavailable",
        _unavailable("archive"),
        "3",
        "90s",
        "page",
        "S3 does not answer the archive, or not in time",
        hides=("ArchiveLag",),
        keeps="1m",
    ),
    Alert(
        "ArchiveRefused",
        f"max by (service) ({n(m.ARCHIVE_REFUSED)}) > {{t}}",
        "0",
        "5m",
        "page",
        "a partition is not archived, since its log ends before its archive",
    ),
    Alert(
        "WorkRepeats",
        f"max by (service, loop) ({n(m.RETRYING)}) > {{t}}",
        "600",
        "1m",
        "page",
        "{{ $labels.service }} repeats failing work in its loop {{ $labels.loop }}",
    ),
    Alert(
        "NoData",
        f"min(time() - max by (source) ({n(m.HEARD)}) - max by (source) ({n(m.INTERVAL)})) > {{t}}",
        "30",
        "1m",
        "page",
        "no source sends anything",
        hides=("SourceStale",),
        keeps="1m",
    ),
    Alert(
        "SourceStale",
        f"time() - max by (source) ({n(m.HEARD)}) - 2 * max by (source) ({n(m.INTERVAL)}) > {{t}}",
        "60",
        "1m",
        "page",
        "{{ $labels.source }} is silent",
    ),
    Alert(
        "BreakerOpen",
        f"max by (source) ({n(m.BREAKERS)}) > {{t}}",
        "0",
        "10m",
        "ticket",
        "{{ $labels.source }} has failed so often that snapshots do not ask it",
    ),
    Alert(
        "PriceFrozen",
        f'max by (source) ({n(m.STANDING)}{{flag="frozen"}}) > {{t}}',
        "0",
        "1m",
        "page",
        "{{ $labels.source }} repeats a price while others move",
    ),
    Alert(
        "PriceDiverging",
        f'max by (source) ({n(m.STANDING)}{{flag="diverging"}}) > {{t}}',
        "0",
        "1m",
        "page",
        "{{ $labels.source }} says other prices than the rest",
    ),
    Alert(
        "ConsumerLag",
        f'max by (consumergroup, topic) ({n(m.LAG_SECONDS)}{{consumergroup!~"{_ARCHIVE}"}}) > {{t}}',
        "120",
        "3m",
        "page",
        "{{ $labels.consumergroup }} is behind in {{ $labels.topic }}",
        hides=("EndToEndLatency",),
        keeps="5m",
    ),
    Alert(
        "ArchiveLag",
        f'max by (topic) ({n(m.LAG_SECONDS)}{{consumergroup=~"{_ARCHIVE}"}}) > {{t}}',
        "900",
        "3m",
        "page",
        "the archive is behind in {{ $labels.topic }}",
    ),
    Alert(
        "EndToEndLatency",
        f"{quantile(0.99, m.QUERYABLE_SECONDS, window='{w}')} > {{t}}",
        "10",
        "10m",  # longer than the window: what an outage delayed has left it by then
        "ticket",
        "live events take too long to be queryable",
    ),
    Alert("DeadLetters", f"sum(increase({n(m.REJECTED)}[{{w}}])) > {{t}}", "0", "3m", "ticket", "values were rejected"),
    Alert(
        "RejectRate",
        f"{_REJECTED} / scalar({_RECEIVED}) > {{t}}",
        "0.01",
        "2m",
        "page",
        "too many values are rejected as {{ $labels.reason }}",
        hides=("DeadLetters",),
        keeps="5m",
    ),
    Alert(
        "ErrorRateSpike",
        f"sum by (teller) (increase({n(m.SERVICE_ERRORS)}[{{w}}])) / {_EVENTS} > {{t}} and {_EVENTS} >= 20",
        "0.1",
        "2m",
        "page",
        "{{ $labels.teller }} answers with errors",
    ),
    Alert(
        "MissingLatencies",
        f"sum by (teller) (increase({n(m.SERVICE_UNTIMED)}[{{w}}])) / {_EVENTS} > {{t}} and {_EVENTS} >= 20",
        "0.2",
        "5m",
        "ticket",
        "events of {{ $labels.teller }} come without a latency",
    ),
    Alert(
        "LedgerImbalance",
        f"max by (source) (abs({n(m.IMBALANCE)})) > {{t}}",
        "0",
        "5m",
        "page",
        "values of {{ $labels.source }} are not accounted for",
    ),
    Alert(
        "RowsAstray",
        f"max by (source) ({n(m.ROWS_ASTRAY)}) > {{t}}",
        "0",
        "1m",
        "page",
        "candles of {{ $labels.source }} count other rows than the store has",
    ),
    Alert(
        "AggregateMismatch",
        f"sum(increase({n(m.MISMATCHES)}[{{w}}])) > {{t}}",
        "0",
        "0s",
        "page",
        "a live candle differs from the stored one",
        window="15m",
    ),
    Alert(
        "AuditStopped",
        f"time() - max({n(m.AUDITED)}) > {{t}}",
        "600",
        "3m",
        "ticket",
        "the store is not audited: LedgerImbalance and RowsAstray are blind",
    ),
    Alert(
        "ApiSlow",
        quantile(0.99, m.HTTP_SECONDS, by="route", window="{w}", where='{route!~"/ingest.*"}') + " > {t}",
        "1",
        "5m",
        "ticket",
        "{{ $labels.route }} is slow",
    ),
    Alert(
        "ApiErrors",
        f'sum(rate({n(m.HTTP_SECONDS)}_count{{status="5xx"}}[{{w}}])) / {_REQUESTS} > {{t}}',
        "0.01",
        "3m",
        "page",
        "the api answers with server errors",
    ),
    Alert(
        "ApiTimeouts",
        f"sum by (route) (increase({n(m.HTTP_TIMEOUTS)}[{{w}}])) > {{t}}",
        "0",
        "2m",
        "page",
        "{{ $labels.route }} gave no answer in time",
        hides=("ApiErrors", "ApiSlow"),
        keeps="5m",
    ),
    Alert(
        "DiskLow",
        f"min by (service) ({n(m.DISK_FREE)} / {n(m.DISK_SIZE)}) < {{t}}",
        "0.1",
        "5m",
        "page",
        "the disk of {{ $labels.service }} is nearly full",
    ),
)
