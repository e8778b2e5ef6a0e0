"""Rows kept by version: what is held, what goes, and never more than was said."""

from services.api.kept import Kept


def test_a_row_is_found_by_its_version_only() -> None:
    kept = Kept[str]()
    assert kept.put(("BTC-USDT", 1), "row") == "row"
    assert kept.get(("BTC-USDT", 1)) == "row"
    assert kept.get(("BTC-USDT", 2)) is None


def test_never_more_rows_are_held_than_was_said() -> None:
    kept = Kept[int](10)
    for n in range(100):
        kept.put(n, n)
        kept.get(n - 7)
        assert len(kept) <= 10


def test_what_is_asked_for_stays_and_what_is_not_goes() -> None:
    kept = Kept[int](10)
    for n in range(100):
        kept.put(n, n)
        assert kept.get(0) == 0
    assert kept.get(50) is None
    assert kept.get(99) == 99


def test_a_page_counts_as_the_rows_that_it_holds() -> None:
    kept = Kept[str](100)
    for n in range(10):
        kept.put(n, "page", 25)
        assert len(kept) <= 100
        assert kept.get(n) == "page"
    kept.put("large", "page", 1000)
    assert kept.get("large") == "page"
    kept.put(1, "page")
    kept.put(2, "page", 50)
    assert kept.get("large") is None


def test_nothing_is_found_after_everything_was_let_go() -> None:
    kept = Kept[int](4)
    for n in range(3):
        kept.put(n, n)
    kept.clear()
    assert [kept.get(n) for n in range(3)] == [None, None, None]
    assert len(kept) == 0
