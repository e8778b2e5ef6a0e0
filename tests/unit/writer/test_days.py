"""Which days a writer lists: each once an hour, and again if the transaction that listed it failed."""

from services.writer.sinks.postgres.days import MOST, REPEAT_SECONDS, Touched


def test_a_day_is_due_again_after_an_hour() -> None:
    touched = Touched()
    assert touched.due("ticks", {1, 2}, 0) == {1, 2}
    touched.committed("ticks", {1, 2})
    assert touched.due("ticks", {2, 3}, 1) == {3}
    assert touched.due("quotes", {2}, 1) == {2}
    assert touched.due("ticks", {2}, REPEAT_SECONDS) == {2}


def test_a_day_is_due_until_its_transaction_is_durable() -> None:
    touched = Touched()
    assert touched.due("quotes", {7}, 0) == {7}
    assert touched.due("quotes", {7}, 1) == {7}


def test_no_number_of_days_is_remembered_for_ever() -> None:
    touched = Touched()
    touched.committed("ticks", range(MOST + 1))
    assert touched.due("ticks", {5}, 1) == {5}
    assert touched.due("ticks", {5}, 2) == {5}
