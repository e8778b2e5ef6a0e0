"""Where a partition goes on. A log is [first, end); `n` is the checkpoint's next offset, `r` where its rebuild begins."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transformer.checkpoint import Checkpoint, decode, encode, key, readable, resume, start
from services.transformer.clocks import Clock
from shared.events import Count
from shared.records import Stored

FOUND = Checkpoint(
    epoch=5, next_offset=100, replay_from=80, swept_at=90,
    clocks={"binance": Clock(1, 2, 3, 4, 5, 6, 7, 8)},
    given_up=[("binance", "X", "trade", 60)], block=0, counts=[Count("binance", "", 0, 3, 1, 1)],
)  # fmt: skip


def test_a_partition_without_a_checkpoint_begins_at_the_start_of_its_log() -> None:
    # first 40 ······ end 200
    assert resume(None, 40, 200, epoch=9) == (Checkpoint(9, 40, 40), None)


def test_a_checkpoint_inside_the_log_goes_on_where_it_was() -> None:
    # first 0 ··· r 80 ··· n 100 ··· end 200
    assert resume(FOUND, 0, 200, epoch=9) == (FOUND, None)
    assert resume(FOUND, 80, 100, epoch=9) == (FOUND, None)


def test_a_rebuild_begins_no_earlier_than_the_log_does() -> None:
    # r 80 ··· first 90 ··· n 100 ··· end 200
    assert resume(FOUND, 90, 200, epoch=9) == (msgspec.structs.replace(FOUND, replay_from=90), None)
    assert resume(FOUND, 100, 200, epoch=9) == (msgspec.structs.replace(FOUND, replay_from=100), None)


def test_records_that_the_log_lost_before_they_were_read_are_a_hole() -> None:
    # r 80 ··· n 100 ··· first 150 ··· end 200        [100, 150) is lost
    assert resume(FOUND, 150, 200, epoch=9) == (msgspec.structs.replace(FOUND, next_offset=150, replay_from=150), (100, 150))


def test_a_checkpoint_beyond_the_end_belongs_to_an_earlier_log_and_begins_a_new_epoch() -> None:
    # first 0 ··· end 50 ··· n 100
    assert resume(FOUND, 0, 50, epoch=9) == (Checkpoint(9, 0, 0), None)
    assert resume(FOUND, 0, 99, epoch=9) == (Checkpoint(9, 0, 0), None)


def test_a_checkpoint_of_a_former_topic_of_that_name_begins_anew_though_its_offset_is_in_the_log() -> None:
    # topic A: n 100          topic B: first 0 ··· end 200
    former = msgspec.structs.replace(FOUND, topic_id="A")
    assert resume(former, 0, 200, epoch=9, topic_id="B") == (Checkpoint(9, 0, 0, topic_id="B"), None)
    assert resume(former, 0, 200, epoch=9, topic_id="A") == (former, None)
    assert resume(former, 0, 200, epoch=9) == (former, None)  # a broker without ids
    assert resume(FOUND, 0, 200, epoch=9, topic_id="B") == (msgspec.structs.replace(FOUND, topic_id="B"), None)


@given(st.integers(0, 2**50), st.integers(0, 2**50), st.booleans())
def test_a_new_epoch_is_above_the_former_one_whatever_the_clock_says(former: int, now: int, remade: bool) -> None:
    found = msgspec.structs.replace(FOUND, epoch=former, topic_id="A")
    at, _ = resume(found, 0, 200 if remade else 50, epoch=now, topic_id="B" if remade else "A")
    assert at.epoch > former
    assert at.epoch >= now


def test_a_checkpoint_survives_its_record() -> None:
    assert decode(encode(FOUND)) == FOUND
    assert decode(encode(start(9, 3))) == Checkpoint(9, 3, 3)


def test_a_checkpoint_of_an_earlier_version_is_read() -> None:
    assert decode(b'{"epoch":9,"next_offset":3,"replay_from":2,"retired":1}') == Checkpoint(9, 3, 2)


def test_each_group_and_partition_has_a_key_of_its_own() -> None:
    assert key("transformer", "market.raw.v1", 7) == b"transformer|market.raw.v1|7"


@pytest.mark.parametrize("value", [b"junk", b"{}", b'{"epoch":"\xff"}', b"[" * 100_000, b'{"epoch":1,"next_offset":"x"}'])
def test_what_is_no_checkpoint_is_passed_over(value: bytes) -> None:
    assert not readable(Stored(0, 0, 0, b"key", value, ()))
    assert readable(Stored(0, 0, 0, b"key", encode(FOUND), ()))
    assert readable(Stored(0, 0, 0, b"key", None, ()))
