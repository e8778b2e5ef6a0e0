"""The only place that reads the environment: one model a concern, secrets also from `*_FILE`, every fault told at once at start."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.environment import explain, read


class Kafka(BaseModel):
    """How to reach the brokers; SASL and TLS as librdkafka and the Java client name them."""

    bootstrap_servers: str = "127.0.0.1:19092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ssl_cafile: Path | None = None
    topic_prefix: str = ""
    session_timeout_ms: int = Field(10_000, ge=6_000, le=300_000)
    replication_factor: int = Field(1, ge=1)


class Database(BaseModel):
    """Postgres; `url` as in DATABASE_URL."""

    url: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:15432/postgres")
    pool_size: int = Field(8, ge=1, le=100)
    schema_name: str = Field("public", pattern=r"^[a-z_][a-z0-9_]{0,62}$")


class Api(BaseModel):
    """The public port and the bounds of an answer."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    page_limit: int = Field(5000, ge=1)
    as_of_ticks: int = Field(2_000_000, ge=1)
    max_body_bytes: int = Field(1024 * 1024, ge=1, le=8 * 1024 * 1024)
    max_events: int = Field(1000, ge=1, description="in one request")
    ingest_wait_seconds: float = Field(20.0, ge=0, le=24, description="how long POST /ingest waits for a run's end")


class Telemetry(BaseModel):
    """Each service's own port (metrics and probes) and its log."""

    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    follow_every: int = Field(0, ge=0, description="log the way of each so many-th raw record of a partition; 0: of none")
    otlp_endpoint: str = Field(
        "", pattern=r"^(https?://[^\s/]+(/\S*)?)?$", description="where traces go, like http://127.0.0.1:4318; empty: none"
    )
    report_requests: bool = Field(True, description="tell the requests that are made and answered as operational events")


class Transformer(BaseModel):
    """The rules of time; all in milliseconds of the log, none of a clock. Changing them changes later windows only."""

    out_of_orderness_ms: int = Field(2_000, ge=0)
    idle_timeout_ms: int = Field(5_000, ge=1)
    max_skew_ms: int = Field(60_000, ge=0)
    emit_interval_ms: int = Field(1_000, ge=1)
    publish_ticks: bool = True
    checkpoint_seconds: float = Field(1.0, gt=0)


class Quality(BaseModel):
    """Thresholds of the flags on ticks; seconds of the log, none of a clock; bps are hundredths of a percent."""

    peer_age_seconds: int = Field(10, ge=1, description="a source is compared with others that speak of times this near")
    disorder_seconds: int = Field(2, ge=0, description="a tick further behind its source's newest is not judged")
    divergence_bps: int = Field(100, ge=1, description="from the median of all sources")
    divergence_seconds: int = Field(10, ge=0, description="without a break; in a jump of the market sources differ for a moment")
    divergence_sources: int = Field(3, ge=3, description="fewer cannot tell which one is wrong")
    spike_bps: int = Field(200, ge=1, description="from the source's last sound price")
    spike_factor: int = Field(20, ge=0, description="and this many times its usual step")
    spike_ticks: int = Field(3, ge=1, description="after so many ticks in agreement it is the new level")
    spike_age_seconds: int = Field(60, ge=1, description="after a silence as long any price is the new level")
    frozen_seconds: int = Field(30, ge=1)
    frozen_ticks: int = Field(5, ge=2, description="with the same price in that time")
    frozen_bps: int = Field(10, ge=1, description="that the other sources have moved since")
    stale_seconds: int = Field(30, ge=1)
    stale_factor: int = Field(3, ge=1, description="and this many times the source's longest pause of late")
    stale_ticks: int = Field(5, ge=1, description="heard before its silence means anything")
    forget_seconds: int = Field(3600, ge=60, description="a source as long silent is forgotten")


class Writer(BaseModel):
    """Batches towards the store and how long it keeps what."""

    batch_records: int = Field(20_000, ge=1)
    output_folder: Path = Field(Path("output"), description="where a run of orders leaves its files")
    retention_days: int = Field(0, ge=0, description="`maintain` drops days of ticks and quotes stored longer ago; 0: none")
    audit_seconds: float = Field(30.0, ge=1, le=3600, description="between looks at whether the store agrees with itself")


class S3(BaseModel):
    """The archive's bucket. Without keys the SDK finds its own: a role, a profile, a web identity."""

    bucket: str = ""
    endpoint_url: str = Field("", description="empty: AWS itself")
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: SecretStr = SecretStr("")
    session_token: SecretStr = SecretStr("")
    object_bytes: int = Field(32 * 1024 * 1024, ge=1024, le=96 * 1024 * 1024, description="an object is closed at this size")
    object_records: int = Field(1_000_000, ge=1)
    object_seconds: float = Field(300.0, gt=0, description="and at this age; an hour's end closes it too")
    memory_bytes: int = Field(64 * 1024 * 1024, ge=1024 * 1024, description="what is held of objects that are not stored yet")
    uploads: int = Field(8, ge=1, le=64, description="at a time")
    timeout_seconds: float = Field(30.0, gt=0, description="for one answer")
    retention_days: int = Field(0, ge=0, description="`maintain` removes objects stored longer ago; 0: none")


class Source(BaseModel):
    """A live source: its provider, the canonical symbols, and what of them; addresses default to the venue's own."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    provider: str
    symbols: list[str] = Field(min_length=1, max_length=2000)
    channels: list[str] = Field([], description="empty: the provider is polled")
    base_url: str = Field("", pattern=r"^((wss?|https?)://[^\s/]+(/\S*)?)?$")
    rest_url: str = Field(
        "", pattern=r"^(https?://[^\s/]+(/\S*)?)?$", description="where a stream's history is asked; none beside a base_url"
    )
    interval_seconds: float = Field(10.0, ge=0.5, le=86_400, description="between polls")


def _from_json(given: object) -> object:
    return json.loads(given) if isinstance(given, str) else given


class Fetcher(BaseModel):
    """What the fetcher may read and how much it holds."""

    sources: Annotated[tuple[Source, ...], BeforeValidator(_from_json)] = ()

    allowed_folders: list[Path] = [Path.cwd()]
    allowed_hosts: list[str] = Field([], description="hosts that files may be fetched from")
    allowed_buckets: list[str] = Field([], description="buckets that files may be fetched from, as s3://bucket/key")
    allow_private_addresses: bool = Field(False, description="also where such a host is an internal address")
    max_file_bytes: int = 64 * 1024**3
    in_flight: int = Field(20_000, ge=1)
    concurrent_runs: int = Field(2, ge=1, le=32)
    most_behind: int = Field(100_000, ge=0, description="a file waits while a reader is further behind in a partition; 0: never")
    heartbeat_seconds: float = Field(1.0, gt=0)
    url: str = Field("http://127.0.0.1:9101", description="where the operator's command finds the fetcher's own port")


class Keys(BaseModel):
    """The providers' keys; each is optional where its provider allows."""

    coingecko: SecretStr = SecretStr("")
    coincap: SecretStr = SecretStr("")
    coinpaprika: SecretStr = SecretStr("")
    binance: SecretStr = SecretStr("")
    polygon: SecretStr = SecretStr("")

    def of(self, provider: str) -> str:
        """The key of a provider, or of the one that its name begins with; empty where there is none."""
        name = next((name for name in type(self).model_fields if provider == name or provider.startswith(name + "-")), "")
        found: SecretStr = getattr(self, name, SecretStr(""))
        return found.get_secret_value()


class Primary(BaseModel):
    """One of the sources of a snapshot; named after its provider, its address defaults to the venue's own."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    provider: str
    base_url: str = Field("", pattern=r"^(https?://[^\s/]+(/\S*)?)?$")
    per_minute: int = Field(0, ge=0, description="requests that the venue allows; 0: as many as without a key")


def _named(given: object) -> object:
    """JSON, or names of providers with commas between them."""
    if not isinstance(given, str) or given.lstrip().startswith("["):
        return _from_json(given)
    return [{"name": name.strip(), "provider": name.strip()} for name in given.split(",") if name.strip()]


class Snapshots(BaseModel):
    """Prices of assets by their names: who is asked, in which order, and how patiently."""

    assets: list[str] = Field(["bitcoin", "ethereum", "solana"], max_length=500)
    sources: Annotated[tuple[Primary, ...], BeforeValidator(_named)] = tuple(
        Primary(name=name, provider=name, base_url="", per_minute=0)
        for name in ("coingecko", "coincap", "coinpaprika", "binance", "coinbase")
    )
    interval_seconds: float = Field(60.0, ge=0, le=86_400, description="0: only on request")
    attempts: int = Field(2, ge=1, le=10, description="at one source")
    timeout_seconds: float = Field(5.0, gt=0, le=60, description="of one request, its body included")
    deadline_seconds: float = Field(30.0, gt=0, le=300, description="of a snapshot")
    record_seconds: float = Field(15.0, gt=0, le=300, description="that it may take beyond that to be on record")
    backoff_seconds: float = Field(0.25, gt=0, description="before the first retry; doubles, with jitter")
    failures: int = Field(5, ge=1, description="in a row, that open a source's breaker")
    open_seconds: float = Field(30.0, gt=0, description="until the first trial; doubles, with jitter, up to ten minutes")
    folder: Path | None = Field(None, description="where the fetcher's own snapshots leave a CSV")


class Polygon(BaseModel):
    """Stock bars of Polygon (Massive)."""

    base_url: str = Field("", pattern=r"^(https?://[^\s/]+(/\S*)?)?$", description="empty: the venue's own")
    simulated: bool = Field(False, description="what comes from there is made up: its sources end in -sim")
    requests_per_minute: int = Field(5, ge=1, le=1_000_000, description="as your plan has it")
    page: int = Field(50_000, ge=1, le=50_000, description="bars a page")
    tickers: list[str] = Field(["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA"], description="of a daily run that names none")


class Settings(BaseSettings):
    """All of it; nested names are spelled KAFKA__SASL_USERNAME, the usual short ones are aliases."""

    model_config = SettingsConfigDict(env_nested_delimiter="__", extra="ignore", populate_by_name=True)

    kafka: Kafka = Kafka()
    database: Database = Database()
    api: Api = Api()
    telemetry: Telemetry = Telemetry()
    transformer: Transformer = Transformer()
    quality: Quality = Quality()
    writer: Writer = Writer()
    fetcher: Fetcher = Fetcher()
    snapshots: Snapshots = Snapshots()
    keys: Keys = Keys()
    s3: S3 = S3()
    polygon: Polygon = Polygon()
    home: Path = Field(Path(".tickplant"), validation_alias=AliasChoices("TICKPLANT_HOME", "home"))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` read: pydantic's own reading of the environment takes no comma-separated lists."""
        return (init_settings,)


ALIASES = {
    "KAFKA_BOOTSTRAP_SERVERS": "KAFKA__BOOTSTRAP_SERVERS",
    "DATABASE_URL": "DATABASE__URL",
    "AWS_ENDPOINT_URL_S3": "S3__ENDPOINT_URL",
    "AWS_REGION": "S3__REGION",
    "AWS_ACCESS_KEY_ID": "S3__ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY": "S3__SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN": "S3__SESSION_TOKEN",
    "API_HOST": "API__HOST",
    "API_PORT": "API__PORT",
    "COINGECKO_API_KEY": "KEYS__COINGECKO",
    "COINCAP_API_KEY": "KEYS__COINCAP",
    "COINPAPRIKA_API_KEY": "KEYS__COINPAPRIKA",
    "BINANCE_API_KEY": "KEYS__BINANCE",
    "POLYGON_API_KEY": "KEYS__POLYGON",
}


def load() -> Settings:
    """The settings of this process; raises `SystemExit` with every fault, each with the name to change."""
    values, faults = read(os.environ, Settings, ALIASES)
    if "TICKPLANT_HOME" in os.environ:
        values["home"] = os.environ["TICKPLANT_HOME"]
    try:
        settings = Settings(**values)
    except ValidationError as fault:
        faults += explain(fault)
    if faults:
        sys.exit("settings:\n" + "\n".join(faults))
    return settings
