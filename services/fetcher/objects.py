"""A file in S3, `s3://bucket/key`, brought to a temporary file: allowed buckets only; bounded."""

from services.fetcher.temporary import Downloaded, temporary
from shared.archive.store import Missing, Store
from shared.errors import FileFault, Unavailable
from shared.settings import S3, Fetcher

SCHEME = "s3://"


def is_object(given: str) -> bool:
    """Whether it is an object's address."""
    return given.lower().startswith(SCHEME)


async def fetch(url: str, settings: Fetcher, s3: S3) -> Downloaded:
    """Brings the object here, with the keys of the archive; whoever asked removes it. Raises `FileFault`."""
    bucket, _, key = url[len(SCHEME) :].partition("/")
    if not bucket or not key:
        raise FileFault(f"{url[:200]!r} is no address of an object, like s3://bucket/folder/orders.csv")
    if bucket not in settings.allowed_buckets:
        allowed = ", ".join(settings.allowed_buckets) or "none"
        raise FileFault(f"{bucket} is no bucket that the fetcher may read ({allowed}); add it to FETCHER__ALLOWED_BUCKETS")
    with temporary(url, settings.max_file_bytes) as file:
        try:
            async with Store(s3.model_copy(update={"bucket": bucket})) as store:
                async for piece in store.read(key):
                    await file.write(piece)
        except Missing:
            raise FileFault(f"cannot fetch {url[:200]}: there is no such object") from None
        except Unavailable as fault:
            raise FileFault(f"cannot fetch {url[:200]}: {fault}") from None
        return file.kept()
