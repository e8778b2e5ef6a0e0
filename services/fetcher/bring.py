"""A run's file, wherever it is: a path, an http(s) address or an object in S3. What was fetched is removed when the file is closed."""

from services.fetcher import download, objects
from services.fetcher.files import File, allowed
from shared.settings import S3, Fetcher


async def bring(given: str, settings: Fetcher, s3: S3) -> File:
    """The file, open; raises `FileFault` where it may not be read or is not there."""
    if objects.is_object(given):
        return File.fetched(await objects.fetch(given, settings, s3), settings)
    if download.is_url(given):
        return File.fetched(await download.fetch(given, settings), settings)
    return File(allowed(given, settings), settings)
