"""The jars of the Java parts, pinned in `jars.lock` and kept in the user's Maven repository.

Invariant: a jar is used only if its size is the pinned one, and a downloaded jar only if its SHA-256 is too.
`python -m deploy.local.jars` writes the lock anew from the coordinates below.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from deploy.local.part import StartError

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

LOCK = Path(__file__).with_name("jars.lock")
KAFKA = "org.apache.kafka:kafka_2.13:4.1.1"
# Kafka logs to slf4j and leaves the choice of a backend to its distribution, which takes this one.
KAFKA_LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
S3PROXY = "org.gaul:s3proxy:3.1.0:jar-with-dependencies"
DOWNLOADS_AT_ONCE = 8
_TRUSTING = Lock()


@dataclass(frozen=True)
class Jar:
    """One line of the lock: `part group:artifact:version[:classifier] bytes sha256`."""

    part: str
    coordinate: str
    size: int
    sha256: str

    def path(self, repository: Path) -> Path:
        group, artifact, version, *classifier = self.coordinate.split(":")
        name = "-".join([artifact, version, *classifier]) + ".jar"
        return repository / group.replace(".", "/") / artifact / version / name

    def is_present(self, repository: Path) -> bool:
        path = self.path(repository)
        return path.exists() and path.stat().st_size == self.size


def locked(part: str, lock: Path = LOCK) -> list[Jar]:
    """The part's jars, as a lock pins them."""
    rows = [line.split() for line in lock.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [Jar(row[0], row[1], int(row[2]), row[3]) for row in rows if row[0] == part]


def classpath(part: str, repository: Path, progress: Callable[[str], None] = lambda _: None, lock: Path = LOCK) -> str:
    """The part's class path; what the repository lacks is downloaded and checked first. Raises `StartError`."""
    jars = locked(part, lock)
    missing = [jar for jar in jars if not jar.is_present(repository)]
    if missing:
        progress(f"downloading {len(missing)} jars, {sum(jar.size for jar in missing) / 1e6:.0f} MB")
        with machine_certificates(), ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            list(pool.map(lambda jar: _download(jar, repository), missing))
    return os.pathsep.join(str(jar.path(repository)) for jar in jars)


@contextmanager
def machine_certificates() -> Iterator[None]:
    """Trusts the certificates of the machine, as pip does, not those of a Python package.

    Only meanwhile: left in place, it sets every context that another library makes of the original class into an endless recursion.
    """
    import truststore

    with _TRUSTING:
        truststore.inject_into_ssl()
        try:
            yield
        finally:
            truststore.extract_from_ssl()


def _download(jar: Jar, repository: Path) -> None:
    import requests

    path = jar.path(repository)
    path.unlink(missing_ok=True)
    try:
        _artifact(_maven(repository), jar.coordinate).resolve()
    except (RuntimeError, OSError, requests.RequestException) as error:
        raise StartError(f"cannot download {jar.coordinate}: {error}") from error
    if _sha256(path) != jar.sha256:
        path.unlink()
        raise StartError(f"{jar.coordinate} as downloaded is not the jar that the lock pins")


def _maven(repository: Path) -> MavenContext:
    from jgo.maven import MavenContext

    return MavenContext(repo_cache=repository, timeout=60)


def _artifact(maven: MavenContext, coordinate: str) -> Artifact:
    group, artifact, version, *classifier = coordinate.split(":")
    return maven.project(group, artifact).at_version(version).artifact(*classifier)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pinned(part: str, artifact: Artifact) -> str:
    """The line of the lock for an artifact."""
    path = artifact.resolve()
    names = [artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier]
    return f"{part} {':'.join(filter(None, names))} {path.stat().st_size} {_sha256(path)}"


def _write_lock(repository: Path) -> None:
    import jgo

    maven = _maven(repository)
    # S3Proxy's jar carries what it needs. Resolved together, the backend would override the versions Kafka asks for.
    parts = {"kafka": [*jgo.resolve(KAFKA), _artifact(maven, KAFKA_LOGGING)], "s3": [_artifact(maven, S3PROXY)]}
    lines = ["# part coordinate bytes sha256; written by `python -m deploy.local.jars`"]
    for part, artifacts in parts.items():
        lines += [pinned(part, artifact) for artifact in artifacts]
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    from deploy.local.settings import load

    with machine_certificates():
        _write_lock(load().maven_repository)
