"""A file at an http(s) address, brought to a temporary file: allowed hosts only, also after a redirect; no private addresses; bounded.

The address that was checked is the one that is connected to, so that a name cannot answer otherwise the second time. Whatever
goes wrong is a `FileFault`: an address that is none, a host that sends too slowly, a disk that is full.
"""

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import urljoin, urlsplit

import httpx

from services.fetcher.temporary import Downloaded, Temporary, temporary
from shared.errors import FileFault
from shared.settings import Fetcher

SCHEMES = ("http", "https")
MOST_REDIRECTS = 5
SECONDS = 30.0
# A host that sends less than this for longer than SLOW_SECONDS would occupy one of the few places for runs.
SLOWEST, SLOW_SECONDS = 4096, 60.0  # bytes a second
_FAULTS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError)


def is_url(given: str) -> bool:
    """Whether it is an address rather than a path."""
    return given.partition("://")[0].lower() in SCHEMES


async def fetch(url: str, settings: Fetcher) -> Downloaded:
    """Brings the file here; whoever asked removes it. Raises `FileFault`."""
    with temporary(url, settings.max_file_bytes) as file:
        await _follow(url, file, settings)
        return file.kept()


async def _follow(url: str, file: Temporary, settings: Fetcher) -> None:
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
        for _ in range(MOST_REDIRECTS + 1):
            async with _get(client, url, settings) as response:
                if not response.has_redirect_location:
                    return await _keep(url, response, file)
                url = urljoin(url, response.headers["location"])
    raise FileFault(f"{url[:200]} redirects more than {MOST_REDIRECTS} times")


@contextlib.asynccontextmanager
async def _get(client: httpx.AsyncClient, url: str, settings: Fetcher) -> AsyncIterator[httpx.Response]:
    """The response of the checked address itself, asked by its name."""
    address = await _address(url, settings)
    try:
        asked = httpx.URL(url)
        headers = {"host": asked.netloc.decode(), "accept-encoding": "identity"}
        async with client.stream(
            "GET", asked.copy_with(host=address), headers=headers, extensions={"sni_hostname": asked.host}
        ) as response:
            yield response
    except _FAULTS as fault:
        raise FileFault(f"cannot fetch {url[:200]}: {str(fault) or type(fault).__name__}") from None


async def _keep(url: str, response: httpx.Response, file: Temporary) -> None:
    if response.status_code != httpx.codes.OK:
        raise FileFault(f"cannot fetch {url[:200]}: it answers {response.status_code} {response.reason_phrase}")
    begun = time.monotonic()
    async for piece in response.aiter_raw():
        await file.write(piece)
        if time.monotonic() - begun > SLOW_SECONDS + file.size / SLOWEST:
            raise FileFault(f"cannot fetch {url[:200]}: it sends less than {SLOWEST:,} bytes a second")


async def _address(url: str, settings: Fetcher) -> str:
    """An address of the host, every one of which may be asked; raises `FileFault`."""
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError as fault:
        raise FileFault(f"{url[:200]!r} is no address: {fault}") from None
    if split.scheme.lower() not in SCHEMES or not host or split.username is not None:
        raise FileFault(f"{url[:200]!r} is no http(s) address of a file, like https://data.example.com/orders.csv")
    if host not in settings.allowed_hosts:
        allowed = ", ".join(settings.allowed_hosts) or "none"
        raise FileFault(f"{host} is no host that the fetcher may ask ({allowed}); add it to FETCHER__ALLOWED_HOSTS")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port or split.scheme, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        raise FileFault(f"cannot fetch {url[:200]}: {host} has no address ({fault})") from None
    addresses = [str(entry[4][0]) for entry in found]
    inside = [address for address in addresses if not ipaddress.ip_address(address).is_global]
    if inside and not settings.allow_private_addresses:
        raise FileFault(f"{host} is {inside[0]}, an internal address; FETCHER__ALLOW_PRIVATE_ADDRESSES=true allows it")
    return addresses[0]
