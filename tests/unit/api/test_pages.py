"""Cursors: what goes in comes out, anything else is refused."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api import pages


class Position(NamedTuple):
    start: int
    source: str


positions = st.builds(Position, st.integers(-(2**63), 2**63 - 1), st.text(max_size=50))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@given(TEXTS, positions)
def test_a_cursor_gives_back_its_position(scope: str, position: Position) -> None:
    assert pages.decode(scope, pages.encode(scope, position), Position) == position


@given(positions, TEXTS, TEXTS)
def test_a_cursor_of_another_query_is_refused(position: Position, scope: str, other: str) -> None:
    cursor = pages.encode(scope, position)
    if scope != other:
        with pytest.raises(ValueError, match="is not a cursor"):
            pages.decode(other, cursor, Position)


@given(positions, st.data())
def test_a_cursor_with_any_character_changed_is_refused(position: Position, data: st.DataObject) -> None:
    cursor = pages.encode("scope", position)
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_=. \x00é"))
    if other != cursor[at]:
        with pytest.raises(ValueError, match="cursor"):
            pages.decode("scope", cursor[:at] + other + cursor[at + 1 :], Position)


@given(positions, st.integers(0, 200))
def test_a_cursor_that_was_cut_is_refused(position: Position, kept: int) -> None:
    cursor = pages.encode("scope", position)
    if kept < len(cursor):
        with pytest.raises(ValueError, match="cursor"):
            pages.decode("scope", cursor[:kept], Position)


@given(st.text(max_size=2000))
def test_no_text_at_all_passes_for_a_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        pages.decode("scope", text, Position)


def test_a_position_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="another version"):
        pages.decode("scope", pages.encode("scope", ("a", "b", "c")), Position)


@given(st.lists(st.tuples(TEXTS.filter(lambda name: name not in ("", "cursor")), TEXTS), max_size=5))
def test_the_next_url_asks_the_same_with_the_new_cursor(pairs: list[tuple[str, str]]) -> None:
    url = urlsplit(pages.next_url("/candles", [*pairs, ("cursor", "old")], "new-_"))
    assert url.path == "/candles"
    assert parse_qsl(url.query, keep_blank_values=True) == [*pairs, ("cursor", "new-_")]


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    cursor = pages.encode("scope", Position(0, "abcd"))
    other = cursor[:-1] + chr(ord(cursor[-1]) + 1)  # differs only in bits that base64 throws away
    assert urlsafe_b64decode(other + "=" * (-len(other) % 4)) == urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    with pytest.raises(ValueError, match="cursor"):
        pages.decode("scope", other, Position)
