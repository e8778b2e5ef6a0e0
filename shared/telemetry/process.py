"""What every process says of itself beside its work: what was built, and the room on its disk. CPU, memory and start need no help."""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from shared.telemetry import metrics


def describe(service: str, home: Path) -> None:
    """Sets the build's information, and lets each scrape look at the disk that `home` is on."""
    metrics.BUILD.info({"name": service, "version": _version(), "python": platform.python_version()})
    folder = next(path for path in (home.resolve(), *home.resolve().parents) if path.exists())
    metrics.DISK_FREE.set_function(lambda: float(shutil.disk_usage(folder).free))
    metrics.DISK_SIZE.set_function(lambda: float(shutil.disk_usage(folder).total))


def _version() -> str:
    try:
        return version("tickplant")
    except PackageNotFoundError:
        return "unknown"
