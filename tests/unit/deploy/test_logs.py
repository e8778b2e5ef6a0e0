"""A log is bounded, and keeps the newest."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local import logs
from deploy.local.logs import Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "logs" / "kafka.log", limit=100)


def test_a_log_keeps_its_newest_lines_and_no_more_files_than_it_may(log: Log) -> None:
    for number in range(1000):
        log.write(f"line {number}".encode())
    files = sorted(path.name for path in log.path.parent.iterdir())
    assert files == ["kafka.log", *(f"kafka.log.{n}" for n in range(1, logs.KEPT + 1))]
    assert all(path.stat().st_size <= 120 for path in log.path.parent.iterdir())
    kept = [line for name in reversed(files) for line in (log.path.parent / name).read_text().splitlines()]
    assert kept == [f"line {number}" for number in range(1000 - len(kept), 1000)]


def test_an_old_log_is_continued(tmp_path: Path) -> None:
    for text in (b"yesterday", b"today"):
        log = Log(tmp_path / "api.log")
        log.write(text)
        log.close()
    assert (tmp_path / "api.log").read_text() == "yesterday\ntoday\n"
