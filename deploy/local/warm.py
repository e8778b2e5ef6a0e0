"""`python -m deploy.local.warm`: records the start-up caches that the Java parts lack, from throw-away instances.

Invariant: the running stack is not touched; the work is done at the lowest priority and may be killed at any time.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from deploy.local.java import Java
from deploy.local.kafka import Kafka
from deploy.local.part import Part
from deploy.local.ports import free_ports
from deploy.local.s3 import S3
from deploy.local.settings import load

LOWEST_PRIORITY = 19
TIMEOUT = 600.0


def main() -> None:
    os.nice(LOWEST_PRIORITY)
    settings = load()
    home = settings.home.resolve() / "warm"
    java = Java(settings.maven_repository, settings.cache)
    kafka_port, controller_port, s3_port = free_ports(3)
    recording = replace(java, record=home / "recording")
    for part in (Kafka(home / "kafka", kafka_port, controller_port, recording), S3(home / "s3", s3_port, recording)):
        if not java.startup_cache(part.name).exists():
            shutil.rmtree(home, ignore_errors=True)
            _record(part, home / "recording", java)
    shutil.rmtree(home, ignore_errors=True)


def _record(part: Part, recording: Path, java: Java) -> None:
    """Start the part, and end it when it is ready: it writes the recording as it ends."""
    # Should this process die, the part must not stay to write.
    command = replace(part.prepare(), stop_signal=signal.SIGKILL)
    process = subprocess.Popen(command.launched(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + TIMEOUT
    while part.probe() is not None and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    process.terminate()
    process.wait(TIMEOUT)
    if recording.exists():
        java.keep(part.name, recording)


if __name__ == "__main__":
    main()
