"""The bucket: objects created once, read, listed and removed. Every fault that time can heal is `Unavailable`.

Invariant: `create` never overwrites; whoever loses the race is told so and looks at what won.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import aioboto3
from aiobotocore.config import AioConfig
from aiohttp import ClientError as HttpError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Unavailable
from shared.settings import S3

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

CONNECT_SECONDS = 5
PIECE = 1024 * 1024
PARTS = TransferConfig(max_concurrency=2, max_io_queue=2)  # of 8 MiB, in memory
SLOWEST_BYTES = 256 * 1024  # a second, of a large upload


class Object(NamedTuple):
    """An object as a listing has it."""

    key: str
    size: int
    modified: int  # us


class Missing(Exception):
    """There is no such object."""


@asynccontextmanager
async def _quiet(what: str, seconds: float) -> AsyncIterator[None]:
    """Faults as they are told above; the SDK's own deadlines are of one packet, this one is of the whole answer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except ClientError as fault:
        status = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == HTTPStatus.NOT_FOUND and fault.response.get("Error", {}).get("Code") != "NoSuchBucket":
            raise Missing(what) from fault
        raise Unavailable(f"S3: {what}: {fault}") from fault
    except (BotoCoreError, HttpError, OSError, TimeoutError) as fault:
        raise Unavailable(f"S3: {what}: {fault!r}") from fault


class Store:
    """One client of the bucket; an asynchronous context."""

    def __init__(self, settings: S3) -> None:
        self._settings, self.bucket = settings, settings.bucket
        self._seconds = settings.timeout_seconds * 4
        self._stack = AsyncExitStack()
        self._client: S3Client | None = None

    async def __aenter__(self) -> "Store":
        return await self.open()

    async def open(self) -> "Store":
        """Makes the client, which connects when it is first asked; raises `Unavailable` without a bucket."""
        if not self.bucket:
            raise Unavailable("S3: no bucket is set; set S3__BUCKET")
        config = AioConfig(
            retries={"max_attempts": 1, "mode": "standard"},  # the callers wait longer, and with jitter
            connect_timeout=CONNECT_SECONDS,
            read_timeout=self._settings.timeout_seconds,
            max_pool_connections=self._settings.uploads * 4,
            signature_version="s3v4",  # also of presigned addresses, which the SDK otherwise signs in the old way
            s3={"addressing_style": "path" if self._settings.endpoint_url else "auto"},
        )
        given = self._settings
        async with _quiet("connect", self._seconds):
            self._client = await self._stack.enter_async_context(
                aioboto3.Session().client(
                    "s3",
                    endpoint_url=given.endpoint_url or None,
                    region_name=given.region,
                    aws_access_key_id=given.access_key_id or None,
                    aws_secret_access_key=given.secret_access_key.get_secret_value() or None,
                    aws_session_token=given.session_token.get_secret_value() or None,
                    config=config,
                )
            )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all connections."""
        await self._stack.aclose()

    async def check(self) -> None:
        """Whether the bucket answers; raises `Unavailable`."""
        try:
            async with _quiet(self.bucket, self._seconds):
                await self._connected().list_objects_v2(Bucket=self.bucket, MaxKeys=1)
        except Missing as fault:
            raise Unavailable(f"S3: there is no bucket {self.bucket}") from fault

    async def create(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        """Makes the object; False where one of that name is there already. `metadata["sha256"]` is checked by the endpoint."""
        digest = base64.b64encode(bytes.fromhex(metadata["sha256"])).decode()
        try:
            async with _quiet(key, self._seconds):
                await self._connected().put_object(
                    Bucket=self.bucket, Key=key, Body=body, Metadata=dict(metadata), ChecksumSHA256=digest, IfNoneMatch="*"
                )
        except Unavailable as fault:
            if _code(fault.__cause__) == HTTPStatus.PRECONDITION_FAILED:
                return False
            raise
        return True

    async def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        """Makes or replaces an object that is derived from others."""
        async with _quiet(key, self._seconds):
            await self._connected().put_object(Bucket=self.bucket, Key=key, Body=body, ContentType=content_type)

    async def upload(self, key: str, path: Path, content_type: str) -> None:
        """Makes or replaces an object of a file's bytes, large as it may be: in parts."""
        size = (await asyncio.to_thread(path.stat)).st_size
        async with _quiet(key, self._seconds + size / SLOWEST_BYTES):
            await self._connected().upload_file(str(path), self.bucket, key, ExtraArgs={"ContentType": content_type}, Config=PARTS)

    async def head(self, key: str) -> tuple[Object, dict[str, str]]:
        """The object's size and time, and its metadata; raises `Missing`."""
        async with _quiet(key, self._seconds):
            found = await self._connected().head_object(Bucket=self.bucket, Key=key)
        return Object(key, found["ContentLength"], _us(found["LastModified"])), found["Metadata"]

    async def get(self, key: str) -> bytes:
        """The object's bytes; raises `Missing`."""
        return b"".join([piece async for piece in self.read(key)])

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The object's bytes in pieces; raises `Missing`."""
        async with _quiet(key, self._seconds):
            found = await self._connected().get_object(Bucket=self.bucket, Key=key)
        async with found["Body"] as body:
            while True:
                async with _quiet(key, self._seconds):
                    piece: bytes = await body.content.read(PIECE)
                if not piece:
                    return
                yield piece

    async def pages(self, prefix: str, after: str = "", limit: int = 1000) -> AsyncIterator[list[Object]]:
        """Objects under the prefix in the order of their keys, those behind `after`, a page at a time."""
        token: dict[str, Any] = {"StartAfter": after} if after else {}
        while True:
            async with _quiet(prefix, self._seconds):
                found = await self._connected().list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=limit, **token)
            yield [Object(one["Key"], one["Size"], _us(one["LastModified"])) for one in found.get("Contents", [])]
            if not found.get("IsTruncated"):
                return
            token = {"ContinuationToken": found["NextContinuationToken"]}

    async def objects(self, prefix: str) -> AsyncIterator[Object]:
        """All objects under the prefix, in the order of their keys."""
        async for page in self.pages(prefix):
            for found in page:
                yield found

    async def folders(self, prefix: str = "") -> list[str]:
        """The names of the folders directly under the prefix."""
        async with _quiet(prefix, self._seconds):
            pages = self._connected().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
            return [one["Prefix"].removeprefix(prefix).rstrip("/") async for page in pages for one in page.get("CommonPrefixes", [])]

    async def delete(self, key: str) -> None:
        """Removes the object, if it is there."""
        async with _quiet(key, self._seconds):
            await self._connected().delete_object(Bucket=self.bucket, Key=key)

    async def presigned(self, key: str, seconds: int) -> str:
        """An address from which the object can be fetched for so long, without keys."""
        async with _quiet(key, self._seconds):
            return await self._connected().generate_presigned_url("get_object", {"Bucket": self.bucket, "Key": key}, seconds)

    def _connected(self) -> "S3Client":
        if self._client is None:
            raise Unavailable("S3: not connected")
        return self._client


def _code(fault: BaseException | None) -> int | None:
    return fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(fault, ClientError) else None


def _us(at: Any) -> int:
    return int(at.timestamp() * 1_000_000)
