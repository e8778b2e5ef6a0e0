"""Memory by progress."""

from __future__ import annotations

import os

import pytest

from bench.watch import Watch, growth


def test_growth_is_the_greatest_of_the_last_quarter_over_the_first_from_a_quarter_on() -> None:
    seen = [(0.0, 10.0), (0.2, 500.0), (0.3, 100.0), (0.5, 300.0), (0.8, 110.0), (1.0, 105.0)]
    assert growth(seen) == pytest.approx(1.1)


def test_a_process_is_watched_with_its_memory_and_its_time() -> None:
    watch = Watch({"own": os.getpid()})
    watch.look(0.3)
    watch.look(0.9)
    assert watch.most("own") > 1
    assert watch.growth("own") > 0
    assert watch.cpu()["own"] > 0
