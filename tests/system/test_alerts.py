"""A real Prometheus on the running stack: every panel has an answer that moves under load; each fault has its alert, and only that.

It takes some fifteen minutes and wants prometheus and alertmanager on the PATH: TICKPLANT_TEST_ALERTS=1, or more where the
machine is slow. TICKPLANT_TEST_FAULTS=NoData,DeadLetters injects only these.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.grafana.model import Query
from shared.errors import Unavailable
from shared.settings import Kafka
from tests.fixtures import monitoring
from tests.fixtures.monitoring import Monitoring
from tests.fixtures.servers import Server
from tests.system import seen
from tests.system.feed import Feed, trade
from tests.system.services import Services
from tests.system.store import query, until

PACE = int(os.environ.get("TICKPLANT_TEST_ALERTS", "0"))
CHOSEN = [name for name in os.environ.get("TICKPLANT_TEST_FAULTS", "").split(",") if name]
WANTED = PACE > 0 and monitoring.INSTALLED
pytestmark = pytest.mark.skipif(not WANTED, reason="TICKPLANT_TEST_ALERTS=1, with prometheus and alertmanager on the PATH")
QUIET_SECONDS = 12.0


class Prices:
    """Three sources that say the same of SOL-USDT, twice a second; `odd` is what the third adds, while `frozen` it repeats itself."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka, self._said = kafka, 100.0
        self.odd, self.frozen = 0.0, False

    def say(self, number: int) -> None:
        """One trade of each."""
        at = time.time_ns() // 1000
        price = 100 + abs(number % 2000 - 1000) * 0.006
        self._said = self._said if self.frozen else price
        together = Feed("binance")
        for name in ("binance-a", "binance-b", "binance-c"):
            feed = Feed(name)
            told = price if name != "binance-c" else self._said + self.odd
            feed.frame("SOLUSDT", trade("SOLUSDT", number, at, f"{told:.3f}"), at)
            together.records += feed.records
        together.publish(self._kafka)


@dataclass
class Load:
    """What is told and asked twice a second: events of the service `checkout`, so many with an error, so many without a latency."""

    events: int = 5
    errors: int = 1
    untimed: int = 1
    harmless: bool = False  # nothing that the api refuses


@dataclass
class Stage:
    """What a fault has to work with."""

    load: Load
    services: Services
    simulator: str
    database: str
    kafka: Server
    postgres: Server
    s3: Server
    prices: Prices

    def break_venue(self, *faults: dict[str, object]) -> None:
        """The simulator's script."""
        httpx.post(f"{self.simulator}/_control/faults", json={"seed": 1, "faults": faults}).raise_for_status()

    def mend_venue(self) -> None:
        httpx.delete(f"{self.simulator}/_control/faults").raise_for_status()


@dataclass(frozen=True)
class Fault:
    """How to break something, which alert that is, and how to mend it."""

    alert: str
    begin: Callable[[Stage], object]
    end: Callable[[Stage], object]


def delete_a_row(stage: Stage) -> None:
    """Kept beside the table, to be put back."""
    newest = "SELECT * FROM ticks WHERE event_time > now() - interval '2 minutes' ORDER BY event_time DESC LIMIT 1"
    query(stage.database, f"CREATE TABLE kept AS {newest}")
    query(
        stage.database,
        "DELETE FROM ticks t USING kept k WHERE (t.day, t.source, t.symbol, t.kind, t.id) = (k.day, k.source, k.symbol, k.kind, k.id)",
    )


# Even the venue's own heartbeats: with them it is a quiet market.
SILENCE: dict[str, object] = {"kind": "silence", "venue": "coinbase", "how": "all"}


def mend_the_polled_first(stage: Stage) -> None:
    """It is heard with its next request, which it puts off further while all fail, by more than minutes are shortened; a stream at once."""
    mended = time.time()
    stage.break_venue(SILENCE)
    wait(lambda: heard(stage, "coingecko-sim") > mended, 120)
    stage.mend_venue()


def heard(stage: Stage, source: str) -> float:
    """When the source was last heard, as Unix time."""
    text = httpx.get(f"http://127.0.0.1:{stage.services.ports['fetcher']}/metrics", timeout=10).text
    (line,) = (line for line in text.splitlines() if line.startswith("tickplant_source_heard_seconds{") and f'"{source}"' in line)
    return float(line.split()[-1])


FAULTS = (
    Fault("NoData", lambda s: s.break_venue(SILENCE, {"kind": "status", "venue": "coingecko", "status": 503}), mend_the_polled_first),
    Fault("KafkaUnavailable", lambda s: s.kafka.stop(), lambda s: s.kafka.start()),
    Fault("SourceStale", lambda s: s.break_venue(SILENCE), Stage.mend_venue),
    Fault("PriceFrozen", lambda s: setattr(s.prices, "frozen", True), lambda s: setattr(s.prices, "frozen", False)),
    Fault("ArchiveUnavailable", lambda s: s.s3.stop(), lambda s: s.s3.start()),
    Fault("RejectRate", lambda s: s.break_venue({"kind": "malformed", "venue": "coinbase", "probability": 0.2}), Stage.mend_venue),
    Fault("ServiceDown", lambda s: s.services.pause("transformer"), lambda s: s.services.resume("transformer")),
    Fault("RowsAstray", delete_a_row, lambda s: query(s.database, "INSERT INTO ticks SELECT * FROM kept")),
    Fault("StoreUnavailable", lambda s: s.postgres.stop(), lambda s: s.postgres.start()),
    Fault("DeadLetters", lambda s: s.break_venue({"kind": "malformed", "venue": "coinbase", "count": 1, "times": 1}), Stage.mend_venue),
    Fault("PriceDiverging", lambda s: setattr(s.prices, "odd", 5.0), lambda s: setattr(s.prices, "odd", 0.0)),
    Fault("ErrorRateSpike", lambda s: setattr(s.load, "errors", 2), lambda s: setattr(s.load, "errors", 0)),
    Fault("MissingLatencies", lambda s: setattr(s.load, "untimed", 3), lambda s: setattr(s.load, "untimed", 0)),
)


@pytest.mark.timeout(3600)
def test_panels_move_and_each_fault_has_its_alert(
    services: Services,
    kafka_settings: Kafka,
    kafka: Server,
    database_url: str,
    postgres: Server,
    s3: Server,
    s3_bucket: str,
    tmp_path: Path,
) -> None:
    seen.archived(services, s3.environment, s3_bucket)
    services.configure(S3__OBJECT_SECONDS="10")  # with one every other second the archive would take most of the machine
    simulator = seen.begin(services, tmp_path, report=False)
    prices = Prices(kafka_settings)
    load = Load()
    stage = Stage(load, services, simulator, database_url, kafka, postgres, s3, prices)
    httpx.post(f"{simulator}/_control/faults", json=seen.FAULTS).raise_for_status()
    seen.ingest(services, tmp_path)
    ports = {name: services.ports[name] for name in seen.SERVICES}
    with monitoring.running(ports, tmp_path, PACE) as watch, loaded(services, prices, load):
        if not CHOSEN:
            panels_move(watch, services)
        stage.mend_venue()
        load.errors, load.untimed, load.harmless = 0, 0, True
        calm(watch)
        chosen = [fault for fault in FAULTS if not CHOSEN or fault.alert in CHOSEN]
        wrong = [said for fault in chosen if (said := shown(watch, stage, fault))]
    assert wrong == []


def panels_move(watch: Monitoring, services: Services) -> None:
    """Every query has data; every one that is not `steady` has other data a while later."""
    queries = seen.queries(Query)
    until(lambda: [where for where, one in queries if not watch.values(one.expr)], [], 90, services.logs)
    first = {one.expr: watch.values(one.expr) for _, one in queries}
    until(lambda: [where for where, one in queries if not one.steady and watch.values(one.expr) == first[one.expr]], [], 60, services.logs)
    say(f"{len(queries)} queries have data, {sum(not one.steady for _, one in queries)} of them moved")


def calm(watch: Monitoring) -> None:
    """Until for a while nothing has fired, nor begun to."""
    quiet_since = [time.monotonic()]

    def quiet() -> bool:
        if watch.alerts():
            quiet_since[0] = time.monotonic()
        return time.monotonic() - quiet_since[0] > QUIET_SECONDS * PACE

    until(quiet, True, 300 * PACE, lambda: f"{watch.alerts()} {watch.told[-10:]}")


def shown(watch: Monitoring, stage: Stage, fault: Fault) -> str:
    """What was wrong: the alert reaches the webhook, is told to be over once the fault is, and no other is told until all is calm."""
    since, began = len(watch.told), time.monotonic()
    fault.begin(stage)
    fired = wait(lambda: fault.alert in watch.notified("firing", since), 120 * PACE)
    told = time.monotonic() - began
    time.sleep(5 * PACE)  # long enough for another to be told
    hidden = sorted(watch.firing() - {fault.alert})
    fault.end(stage)
    mended = time.monotonic()
    over = fired and wait(lambda: fault.alert in watch.notified("resolved", since), 180 * PACE)
    took = time.monotonic() - mended
    calm(watch)
    others = [labels for status, name, labels in watch.told[since:] if status == "firing" and name != fault.alert]
    wrong = "" if fired and over and not others else f" WRONG: fired {fired}, resolved {over}, others told {others}"
    say(f"{fault.alert}: told after {told:.0f} s, over {took:.0f} s after the mend; hidden: {hidden or 'none'}{wrong}")
    return f"{fault.alert}:{wrong}" if wrong else ""


def wait(found: Callable[[], bool], seconds: float) -> bool:
    """Whether it came to be in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found():
            return True
        time.sleep(0.3)
    return False


def say(line: str) -> None:
    """What was seen, for whoever runs this with `pytest -s`."""
    sys.stdout.write(f"\n{line}\n")
    sys.stdout.flush()


@contextmanager
def loaded(services: Services, prices: Prices, load: Load) -> Iterator[None]:
    """Prices, operational events and requests of the api all the time."""
    done = threading.Event()

    def work() -> None:
        number = 0
        while not done.wait(0.5):
            number += 1
            with suppress(Unavailable, httpx.HTTPError):
                prices.say(int(time.time() * 2))
                seen.push(services, load.events, untimed=load.untimed, errors=load.errors, tag=f"load{number}")
                seen.ask(services, harmless=load.harmless)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
