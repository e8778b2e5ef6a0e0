"""Bodies of venues are bounded in size, also unpacked, and in time; what they say of the next request is bounded too."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from services.fetcher.responses import LONGEST_WAIT, TooLarge, get, retry_after
from shared.topics import RAW_LIMIT

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


async def once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def ask(body: bytes | AsyncIterator[bytes], seconds: float = 5, **headers: str) -> bytes:
    async def answer(request: httpx.Request) -> httpx.Response:
        content = once(body) if isinstance(body, bytes) else body
        return httpx.Response(200, content=content, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        return (await get(client, "http://venue.example/", {}, seconds)).body


@pytest.mark.parametrize("packed", [gzip.compress(b"prices"), zlib.compress(b"prices")], ids=["gzip", "deflate"])
async def test_a_packed_body_is_unpacked(packed: bytes) -> None:
    assert await ask(packed, content_encoding="gzip" if packed[:2] == b"\x1f\x8b" else "deflate") == b"prices"


async def test_a_few_bytes_that_unpack_to_more_than_a_record_are_refused() -> None:
    """Zeros, ten times what a record may have, in some kilobytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(10 * RAW_LIMIT)) + packer.flush()
    assert len(bomb) < RAW_LIMIT // 80
    with pytest.raises(TooLarge):
        await ask(bomb, content_encoding="gzip")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(gzip.compress(b"prices")[:-4], "gzip"), (b"prices", "gzip"), (b"prices", "br"), (b"prices", "zstd")],
    ids=["cut short", "not packed", "br", "zstd"],
)
async def test_a_body_that_is_not_what_it_says_is_a_fault(body: bytes, encoding: str) -> None:
    with pytest.raises(httpx.DecodingError):
        await ask(body, content_encoding=encoding)


async def test_an_endless_body_ends_at_the_limit() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 20)

    with pytest.raises(TooLarge):
        await ask(endless())


async def test_a_body_that_drips_is_given_up_in_time() -> None:
    async def drips() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    with pytest.raises(TimeoutError):
        await ask(drips(), seconds=0.2)


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("7", None, 7),
        ("9" * 400, None, LONGEST_WAIT),
        ("Wed, 21 Oct 2015 07:28:30 GMT", DATE, 30),
        ("Wed, 21 Oct 2015 07:27:00 GMT", DATE, 0),
        ("Wed, 21 Oct 9999 07:28:00 GMT", DATE, LONGEST_WAIT),
        ("-5", None, None),
        ("1e9", None, None),
        ("٣", None, None),
        ("Wed, 99 Oct 2015", DATE, None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", DATE, None),
        ("Wed, 21 Oct 2015 07:28:00", DATE, None),
        ("", None, None),
    ],
)
def test_a_pause_that_a_venue_asks_for_is_bounded(value: str, date: str | None, seconds: float | None) -> None:
    assert retry_after(value, date) == seconds
