"""Lag in records and seconds, as time goes on.

```
 offset   0   1   2   3   4
 stamp   10  11  12  13  14 s
```
"""

from shared.bus.behind import Behind


def test_a_partition_is_as_old_as_its_oldest_record_that_is_not_done() -> None:
    behind = Behind[str]()
    behind.done("p", 0)
    behind.polled("p", 10_000, 2)
    behind.polled("p", 12_000, 4)
    assert behind.measure("p", 5, 20.0) == (5, 10.0)
    behind.done("p", 2)
    assert behind.measure("p", 5, 20.0) == (3, 8.0)
    behind.done("p", 4)
    assert behind.measure("p", 5, 20.0) == (1, 0.0), "the fifth has not been polled: its age counts from now"
    assert behind.measure("p", 5, 23.0) == (1, 3.0)
    behind.done("p", 5)
    assert behind.measure("p", 5, 30.0) == (0, 0.0)


def test_records_read_again_to_rebuild_are_not_behind() -> None:
    behind = Behind[str]()
    behind.done("p", 4)
    behind.polled("p", 10_000, 4)
    assert behind.measure("p", 4, 20.0) == (0, 0.0)
    behind.polled("p", 14_000, 5)
    assert behind.measure("p", 5, 20.0) == (1, 6.0)


def test_an_unknown_position_is_not_shown_and_a_lost_partition_is_forgotten() -> None:
    behind = Behind[str]()
    assert behind.measure("p", 5, 1.0) is None
    behind.done("p", 1)
    behind.keep(())
    assert behind.measure("p", 5, 1.0) is None


def test_a_log_made_anew_is_not_behind() -> None:
    behind = Behind[str]()
    behind.done("p", 7)
    assert behind.measure("p", 3, 1.0) == (0, 0.0)
