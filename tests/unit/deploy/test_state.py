"""The state file: what is written is read, and a process is known by more than its number."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from deploy.local.state import Entry, State, is_alive, read, remove, write


def state(*entries: Entry) -> State:
    return State(1, 2.0, 3.0, True, {"KAFKA_BOOTSTRAP_SERVERS": "here:1"}, {"s3": "AWS"}, list(entries))


def test_what_is_written_is_read_and_private(tmp_path: Path) -> None:
    written = state(Entry("kafka", "part", "ready", pid=4, created=5.0, port=6))
    write(tmp_path, written)
    assert read(tmp_path) == written
    assert (tmp_path / "stack.json").stat().st_mode & 0o077 == 0
    remove(tmp_path)
    assert read(tmp_path) is None


def test_a_number_given_to_another_process_is_not_alive() -> None:
    created = psutil.Process().create_time()
    assert is_alive(os.getpid(), created)
    assert not is_alive(os.getpid(), created - 60)
    assert not is_alive(None, created)
