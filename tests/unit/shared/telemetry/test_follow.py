"""Which raw records are followed."""

from collections.abc import Iterator

import pytest

from shared.telemetry import follow


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    follow.configure(0)


def test_the_multiples_are_followed_however_the_offsets_are_cut() -> None:
    follow.configure(10)
    cut = [offset for start in range(0, 50, 7) for offset in follow.followed(start, min(start + 7, 50))]
    assert cut == [offset for offset in range(50) if follow.is_followed(offset)] == [0, 10, 20, 30, 40]


def test_nothing_is_followed_by_default() -> None:
    assert not list(follow.followed(0, 100))
    assert not follow.is_followed(0)
