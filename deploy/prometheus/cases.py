"""What makes each alert fire, and what looks alike and must not: series in promtool's notation, a sample every 15 seconds."""

from dataclasses import dataclass, field

from deploy.prometheus.expressions import n
from shared.telemetry import metrics as m
from shared.topics import MARKET_RAW, TICKS, Topic

AT = "10m"  # when the rules are asked; the samples before are one every 15 s
MOMENTS = 60


@dataclass(frozen=True)
class Case:
    """`fires` are the labels of each alert expected at `at`; none: it must be silent."""

    alert: str
    series: dict[str, str]
    fires: tuple[dict[str, str], ...] = ()
    at: str = AT
    title: str = field(default="")


def steady(value: float) -> str:
    """The same value all the time."""
    return f"{value:g}x{MOMENTS}"


def _lag(group: str, topic: Topic) -> str:
    """The lag of one partition, in seconds."""
    return f'{n(m.LAG_SECONDS)}{{consumergroup="{group}", topic="{topic.name}", partition="3"}}'


def growing(step: float, start: float = 0) -> str:
    """A counter that grows by `step` a sample."""
    return f"{start:g}+{step:g}x{MOMENTS}"


def once(before: int, value: float) -> str:
    """Nought, then `value` from the sample numbered `before` on."""
    return f"0x{before} {value:g}x{MOMENTS - before}"


def heard(until: int) -> str:
    """A clock that is read every 15 s and stands still after so many samples."""
    return f"0+15x{until} {15 * until}x{MOMENTS - until}"


def _heard(**until: int) -> dict[str, str]:
    """Streams, each heard for so many samples."""
    heard_at = {f'{n(m.HEARD)}{{source="{source}"}}': heard(moments) for source, moments in until.items()}
    return heard_at | {f'{n(m.INTERVAL)}{{source="{source}"}}': steady(0) for source in until}


def _retries(dependency: str) -> str:
    return f'{n(m.RETRIES)}{{dependency="{dependency}"}}'


def _buckets(name: str, labels: str, fast: float, slow: float, edge: str) -> dict[str, str]:
    """A histogram whose values are `fast` a sample at or below `edge` seconds, and `slow` a sample between that and 30 s."""
    parts = {edge: fast, "30.0": fast + slow, "+Inf": fast + slow}
    return {f'{name}_bucket{{{labels}le="{le}"}}': growing(count) for le, count in parts.items()}


def _told(metric: object, service: str = "checkout") -> str:
    return f'{n(metric)}{{teller="{service}"}}'  # type: ignore[arg-type]


def _service(metric: object, service: str) -> str:
    return f'{n(metric)}{{service="{service}"}}'  # type: ignore[arg-type]


def _flag(name: str) -> str:
    return f'{n(m.STANDING)}{{flag="{name}", source="kraken"}}'


_HTTP, _QUERYABLE = n(m.HTTP_SECONDS), n(m.QUERYABLE_SECONDS)
_FLOWING = {f'{n(m.STORED)}{{source="binance"}}': growing(1000), n(m.DUPLICATES) + '{source="binance"}': growing(0)}

CASES = (
    Case("ServiceDown", {'up{job="tickplant", service="writer"}': f"1x20 0x{MOMENTS - 20}"}, ({"job": "tickplant", "service": "writer"},)),
    Case("ServiceDown", {'up{job="tickplant", service="writer"}': f"1x57 0x2 1x{MOMENTS}"}, title="one scrape missed", at="14m45s"),
    Case("KafkaUnavailable", {_retries("kafka"): growing(1)}, ({},)),
    Case("KafkaUnavailable", {_retries("kafka"): once(30, 1), _retries("store"): growing(5)}, title="one retry; another dependency"),
    Case("StoreUnavailable", {_retries("store"): growing(1)}, ({},)),
    Case("StoreUnavailable", {_retries("store"): once(30, 2), _retries("kafka"): growing(5)}, title="two retries; another dependency"),
    Case("ArchiveUnavailable", {_retries("archive"): growing(1)}, ({},)),
    Case("ArchiveUnavailable", {_retries("archive"): once(30, 2)}, title="two retries"),
    Case("ArchiveRefused", {_service(m.ARCHIVE_REFUSED, "archiver"): steady(1)}, ({"service": "archiver"},)),
    Case("ArchiveRefused", {_service(m.ARCHIVE_REFUSED, "archiver"): steady(0)}, title="none"),
    Case(
        "WorkRepeats",
        {n(m.RETRYING) + '{service="writer", loop="writer"}': steady(700)},
        ({"service": "writer", "loop": "writer"},),
    ),
    Case("WorkRepeats", {n(m.RETRYING) + '{service="writer", loop="writer"}': steady(500)}, title="not that long yet"),
    Case("BreakerOpen", {n(m.BREAKERS) + '{source="coincap"}': steady(1)}, ({"source": "coincap"},), at="14m"),
    Case("BreakerOpen", {n(m.BREAKERS) + '{source="coincap"}': f"1x20 0x{MOMENTS - 20}"}, title="it was closed again", at="14m"),
    Case("PriceFrozen", {_flag("frozen"): steady(2), _flag("diverging"): steady(0)}, ({"source": "kraken"},)),
    Case("PriceFrozen", {_flag("frozen"): steady(0), _flag("diverging"): steady(1)}, title="another doubt"),
    Case("PriceDiverging", {_flag("diverging"): steady(1), _flag("frozen"): steady(0)}, ({"source": "kraken"},)),
    Case("PriceDiverging", {_flag("diverging"): f"1x37 0x{MOMENTS - 37}", _flag("spike"): steady(1)}, title="it has ended; another doubt"),
    Case("NoData", _heard(binance=20, kraken=25), ({},)),
    Case("NoData", _heard(binance=20, kraken=MOMENTS), title="one source is silent, another is not"),
    Case(
        "SourceStale",
        _heard(kraken=20),
        ({"source": "kraken"},),
    ),
    Case(
        "SourceStale",
        {n(m.HEARD) + '{source="coingecko"}': heard(20), n(m.INTERVAL) + '{source="coingecko"}': steady(300)},
        title="a source that is asked every five minutes",
    ),
    Case(
        "ConsumerLag",
        {_lag("postgres", TICKS): growing(15)},
        ({"consumergroup": "postgres", "topic": TICKS.name},),
    ),
    Case(
        "ConsumerLag",
        {_lag("postgres", TICKS): f"300x30 2x{MOMENTS - 30}"},
        at="14m",
        title="it has caught up",
    ),
    Case(
        "ArchiveLag",
        {_lag("s3", MARKET_RAW): growing(30)},
        ({"topic": MARKET_RAW.name},),
        at="14m45s",
    ),
    Case(
        "ArchiveLag",
        {_lag("s3", MARKET_RAW): steady(300)},
        at="14m45s",
        title="as old as an object may be",
    ),
    Case(
        "ConsumerLag",
        {_lag("s3", MARKET_RAW): steady(300)},
        title="the archive's is another matter",
    ),
    Case("EndToEndLatency", _buckets(_QUERYABLE, "", 90, 10, "10.0"), ({},), at="14m"),
    Case("EndToEndLatency", _buckets(_QUERYABLE, "", 999, 1, "10.0"), at="14m", title="one in a thousand"),
    Case("DeadLetters", {n(m.REJECTED): once(22, 1)}, ({},)),
    Case("DeadLetters", {n(m.REJECTED): once(2, 1)}, title="longer ago than the window"),
    Case(
        "RejectRate",
        {n(m.DEAD_LETTERS) + '{source="binance", reason="bad_price"}': growing(50), n(m.REJECTED): growing(50), **_FLOWING},
        ({"reason": "bad_price"},),
    ),
    Case(
        "RejectRate",
        {n(m.DEAD_LETTERS) + '{source="binance", reason="bad_price"}': growing(1), n(m.REJECTED): growing(1), **_FLOWING},
        title="one in a thousand",
    ),
    Case(
        "ErrorRateSpike",
        {_told(m.SERVICE_EVENTS): growing(10), _told(m.SERVICE_ERRORS): growing(2)},
        ({"teller": "checkout"},),
    ),
    Case(
        "ErrorRateSpike",
        {
            _told(m.SERVICE_EVENTS): growing(10),
            _told(m.SERVICE_ERRORS): growing(0.5),
            _told(m.SERVICE_EVENTS, "rare"): once(35, 5),
            _told(m.SERVICE_ERRORS, "rare"): once(35, 5),
        },
        title="one in twenty; and a service with too few events to tell",
    ),
    Case(
        "MissingLatencies",
        {_told(m.SERVICE_EVENTS): growing(10), _told(m.SERVICE_UNTIMED): growing(3)},
        ({"teller": "checkout"},),
        at="12m",
    ),
    Case(
        "MissingLatencies",
        {_told(m.SERVICE_EVENTS): growing(10), _told(m.SERVICE_UNTIMED): growing(1)},
        title="one in ten",
        at="12m",
    ),
    Case("LedgerImbalance", {n(m.IMBALANCE) + '{source="kraken"}': steady(-3)}, ({"source": "kraken"},)),
    Case("LedgerImbalance", {n(m.IMBALANCE) + '{source="kraken"}': f"2x30 0x{MOMENTS - 30}"}, title="it has settled"),
    Case("RowsAstray", {n(m.ROWS_ASTRAY) + '{source="kraken"}': steady(1)}, ({"source": "kraken"},)),
    Case("RowsAstray", {n(m.ROWS_ASTRAY) + '{source="kraken"}': steady(0)}, title="none"),
    Case("AggregateMismatch", {n(m.MISMATCHES): once(30, 1)}, ({},)),
    Case("AggregateMismatch", {n(m.MISMATCHES): steady(4)}, title="long ago"),
    Case("AuditStopped", {n(m.AUDITED): steady(0)}, ({},), at="14m"),
    Case("AuditStopped", {n(m.AUDITED): heard(MOMENTS)}, at="14m", title="it goes on"),
    Case("ApiSlow", _buckets(_HTTP, 'route="/candles", status="2xx", ', 90, 10, "1.0"), ({"route": "/candles"},), at="12m"),
    Case(
        "ApiSlow", _buckets(_HTTP, 'route="/ingest/prices", status="2xx", ', 90, 10, "1.0"), at="12m", title="a route that waits by design"
    ),
    Case(
        "ApiErrors",
        {f'{_HTTP}_count{{route="/ticks", status="{status}"}}': growing(step) for status, step in (("2xx", 90), ("5xx", 10))},
        ({},),
    ),
    Case(
        "ApiErrors",
        {f'{_HTTP}_count{{route="/ticks", status="{status}"}}': growing(step) for status, step in (("2xx", 90), ("4xx", 10))},
        title="clients' errors",
    ),
    Case("ApiTimeouts", {n(m.HTTP_TIMEOUTS) + '{route="/candles"}': once(30, 1)}, ({"route": "/candles"},)),
    Case("ApiTimeouts", {n(m.HTTP_TIMEOUTS) + '{route="/candles"}': steady(0)}, title="none"),
    Case("DiskLow", {_service(m.DISK_FREE, "writer"): steady(5), _service(m.DISK_SIZE, "writer"): steady(100)}, ({"service": "writer"},)),
    Case("DiskLow", {_service(m.DISK_FREE, "writer"): steady(20), _service(m.DISK_SIZE, "writer"): steady(100)}, title="a fifth is free"),
)
