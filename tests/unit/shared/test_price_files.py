"""Snapshots as files: whole, or not at all."""

import resource
from decimal import Decimal
from pathlib import Path

import pytest

from shared import price_files
from shared.snapshots import Attempt

AT = 1_767_623_400_000_000


def attempt(asset: str) -> Attempt:
    return Attempt("coingecko", 1, [asset], AT, 12, 200, {asset: Decimal(1)}, "", [])


def test_a_full_disk_leaves_no_part_of_a_snapshot(tmp_path: Path) -> None:
    file = price_files.append(tmp_path, AT, [attempt("bitcoin")])
    whole = file.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 30, before[1]))  # a file that grows beyond it is refused as by a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            price_files.append(tmp_path, AT, [attempt("ethereum")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert file.read_bytes() == whole
    price_files.append(tmp_path, AT, [attempt("ethereum")])
    assert file.read_bytes().startswith(whole)
    assert file.read_bytes().count(b"\n") == whole.count(b"\n") + 1
