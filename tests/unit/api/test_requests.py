"""The names of requests."""

import pytest
from starlette.responses import Response

from services.api.requests import identify, named


def test_a_caller_s_name_is_kept() -> None:
    assert identify(b"order-17.a:b") == "order-17.a:b"


@pytest.mark.parametrize("given", [b"", b"x" * 65, b'a"b', b"a\nb", "ä".encode()])
def test_what_cannot_stand_in_a_log_gets_a_name_of_ours(given: bytes) -> None:
    first, second = identify(given), identify(given)
    assert first != second
    assert first.isascii()


def test_an_answer_that_many_share_is_not_changed() -> None:
    shared = Response(b"x")
    one, other = named(shared, "a"), named(shared, "b")
    assert (one.headers["x-request-id"], other.headers["x-request-id"]) == ("a", "b")
    assert "x-request-id" not in shared.headers
