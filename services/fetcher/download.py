"""A file at an http(s) address, brought to a temporary file: allowed hosts only, also after a redirect; no private addresses; bounded.

The address that was checked is the one that is connected to, so that a name cannot answer otherwise the second time.
"""

import asyncio
import contextlib
import ipaddress
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import urljoin, urlsplit

import httpx

from shared.errors import FileFault
from shared.settings import Fetcher

SCHEMES = ("http", "https")
MOST_REDIRECTS = 5
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Where the bytes are, and what they are: a resumed run must meet the same."""

    path: Path
    identity: dict[str, int]


def is_url(given: str) -> bool:
    """Whether it is an address rather than a path."""
    return given.partition("://")[0].lower() in SCHEMES


async def fetch(url: str, settings: Fetcher) -> Downloaded:
    """Brings the file here; whoever asked removes it. Raises `FileFault`."""
    with tempfile.NamedTemporaryFile(prefix="tickplant-", delete=False) as file, contextlib.ExitStack() as undo:
        undo.callback(Path(file.name).unlink)
        identity = await _follow(url, file, settings)
        undo.pop_all()
        return Downloaded(Path(file.name), identity)


async def _follow(url: str, file: IO[bytes], settings: Fetcher) -> dict[str, int]:
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
        for _ in range(MOST_REDIRECTS + 1):
            async with _get(client, url, settings) as response:
                if not response.has_redirect_location:
                    return await _keep(url, response, file, settings)
                url = urljoin(url, response.headers["location"])
    raise FileFault(f"{url[:200]} redirects more than {MOST_REDIRECTS} times")


@contextlib.asynccontextmanager
async def _get(client: httpx.AsyncClient, url: str, settings: Fetcher) -> AsyncIterator[httpx.Response]:
    """The response of the checked address itself, asked by its name."""
    asked = httpx.URL(url)
    address = await _address(url, settings)
    headers = {"host": asked.netloc.decode(), "accept-encoding": "identity"}
    try:
        async with client.stream(
            "GET", asked.copy_with(host=address), headers=headers, extensions={"sni_hostname": asked.host}
        ) as response:
            yield response
    except httpx.HTTPError as fault:
        raise FileFault(f"cannot fetch {url[:200]}: {str(fault) or type(fault).__name__}") from None


async def _keep(url: str, response: httpx.Response, file: IO[bytes], settings: Fetcher) -> dict[str, int]:
    if response.status_code != httpx.codes.OK:
        raise FileFault(f"cannot fetch {url[:200]}: it answers {response.status_code} {response.reason_phrase}")
    size, digest = 0, sha256()
    async for piece in response.aiter_raw():
        size += len(piece)
        if size > settings.max_file_bytes:
            raise FileFault(f"{url[:200]} has more than FETCHER__MAX_FILE_BYTES = {settings.max_file_bytes:,} bytes")
        digest.update(piece)
        await asyncio.to_thread(file.write, piece)
    return {"size": size, "hash": int.from_bytes(digest.digest()[:7])}


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
