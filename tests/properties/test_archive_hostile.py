"""The archive keeps whatever a topic holds: any record comes back from its object byte for byte."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.archive import parquet
from shared.records import Stored
from shared.topics import DEAD_LETTERS, Topic
from tests.hostile import records, samples

TOPICS = [*samples.DERIVED, DEAD_LETTERS, *samples.RAW.values()]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_any_records_come_back_from_their_object(topic: Topic) -> None:
    draw = records.raw if topic.name in samples.RAW else records.derived

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(st.integers(1, 12), st.randoms(use_true_random=False))
    def holds(count: int, random: Random) -> None:
        found = [draw(random, topic, samples.MS) for _ in range(count)]
        log = [Stored(3, n, one.timestamp, one.key, one.value, one.headers) for n, one in enumerate(found)]
        writer = parquet.Writer(topic, 0)
        writer.add(log)
        body, span = writer.finish()
        assert [record for batch in parquet.read(body) for record in batch] == log
        assert span.end == count

    holds()
