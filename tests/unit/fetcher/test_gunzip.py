"""Gzip as a stream: members, padding, bounded pieces, and faults that say what is wrong."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.gunzip import Gunzip
from shared.errors import FileFault


def gunzip(data: bytes, size: int = 7) -> bytes:
    stream = Gunzip()
    out = [piece for at in range(0, len(data), size) for piece in stream.feed(data[at : at + size])]
    stream.end()
    return b"".join(out)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50))
def test_members_one_after_another_are_one_file(parts: list[bytes], size: int) -> None:
    assert gunzip(b"".join(map(gzip.compress, parts)), size) == b"".join(parts)


def test_zeros_after_a_member_are_padding() -> None:
    assert gunzip(gzip.compress(b"abc") + b"\x00" * 20 + gzip.compress(b"def") + b"\x00" * 9) == b"abcdef"


def test_a_bomb_comes_in_bounded_pieces() -> None:
    pieces = Gunzip(piece=1000).feed(gzip.compress(b"x" * 1_000_000))
    assert max(map(len, pieces)) <= 1000


@pytest.mark.parametrize("kept", [1, 9, 11, 30])
def test_a_truncated_stream_says_so(kept: int) -> None:
    with pytest.raises(FileFault, match="the gzip stream is truncated: it ends before its end mark"):
        gunzip(gzip.compress(bytes(range(256)))[:kept])


def test_a_corrupt_stream_says_so() -> None:
    data = bytearray(gzip.compress(bytes(range(256)) * 20))
    data[40:60] = b"\xff" * 20
    with pytest.raises(FileFault, match="the gzip stream is corrupt: "):
        gunzip(bytes(data))


def test_what_follows_a_member_must_be_one() -> None:
    with pytest.raises(FileFault, match="corrupt"):
        gunzip(gzip.compress(b"abc") + b"garbage")
