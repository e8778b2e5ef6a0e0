"""Fixtures of all tests: real parts for the session, cheap isolation per test; markers by folder.

kafka         a running broker: `kafka.environment["KAFKA_BOOTSTRAP_SERVERS"]`, `stop() start() kill()`
postgres      a running server, with the same methods
s3            a running object store, with the same methods
bootstrap_servers   the broker's address
database_url  a database of this test's own with all migrations applied
empty_database_url  a database of this test's own with nothing in it
s3_bucket     a bucket of this test's own

Invariant: a test that leaves a part stopped does not disturb the next; what the session started it stops.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.java import Java
from deploy.local.settings import inherited, load
from tests.fixtures import databases
from tests.fixtures.servers import Parts, Server

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(getattr(pytest.mark, folder))


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """The session's directory: short, and searchable by the user that Postgres runs as."""
    path = Path(tempfile.mkdtemp(prefix="tickplant-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def parts(home: Path) -> Parts:
    """Jars and start-up caches are the user's own, shared with every stack."""
    java = Java(load().maven_repository, load().cache)
    return Parts(home, java, inherited().get("TICKPLANT_TEST_PARTS", "auto"))


@pytest.fixture(scope="session")
def kafka_server(parts: Parts) -> Iterator[Server]:
    with parts.kafka() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(parts: Parts) -> Iterator[Server]:
    with parts.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(parts: Parts) -> Iterator[Server]:
    with parts.s3() as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres_server: Server) -> str:
    """The name of the database that has every migration."""
    postgres_server.start()
    databases.make_template(postgres_server.environment["DATABASE_URL"], inherited())
    return databases.TEMPLATE


@pytest.fixture
def kafka(kafka_server: Server) -> Iterator[Server]:
    kafka_server.start()
    yield kafka_server
    kafka_server.start()


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[Server]:
    postgres_server.start()
    yield postgres_server
    postgres_server.start()


@pytest.fixture
def s3(s3_server: Server) -> Iterator[Server]:
    s3_server.start()
    yield s3_server
    s3_server.start()


@pytest.fixture
def bootstrap_servers(kafka: Server) -> str:
    return kafka.environment["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture
def database_url(postgres: Server, template_database: str) -> Iterator[str]:
    with databases.database(postgres.environment["DATABASE_URL"], template_database) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: Server) -> Iterator[str]:
    with databases.database(postgres.environment["DATABASE_URL"], "template0") as url:
        yield url


@pytest.fixture
def s3_bucket(s3: Server) -> str:
    from tests.fixtures.buckets import make_bucket

    return make_bucket(s3.environment, f"test-{uuid.uuid4().hex[:12]}")
