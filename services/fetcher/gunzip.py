"""Gzip, streamed: members one after another, output in bounded pieces, every defect a `FileFault`. Pure."""

import zlib
from collections.abc import Iterator

from shared.errors import FileFault

MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS


class Gunzip:
    """Feed it the compressed bytes, then `end`."""

    def __init__(self, piece: int = 256 * 1024) -> None:
        self._piece = piece
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decompressed bytes, in pieces of at most `piece`; raises `FileFault`."""
        while data:
            if self._member.eof:
                data = data.lstrip(b"\x00")  # padding after a member
                if not data:
                    return
                self._member, self._begun = zlib.decompressobj(_GZIP), False
            self._begun = True
            try:
                out = self._member.decompress(data, self._piece)
            except zlib.error as fault:
                raise FileFault(f"the gzip stream is corrupt: {fault}") from None
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if out:
                yield out

    def end(self) -> None:
        """Raises `FileFault` unless the last member was whole."""
        if self._begun and not self._member.eof:
            raise FileFault("the gzip stream is truncated: it ends before its end mark")
