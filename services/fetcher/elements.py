"""A JSON array's bytes split into its elements, in bounded memory; however the bytes are cut, the elements are the same. Pure.

Only quotes, brackets and commas are looked at: whether an element is JSON is for its reader to say.
"""

import re
from hashlib import sha256

from services.fetcher.rows import HEAD, Line, Oversized, Split
from shared.errors import FileFault

_OUTSIDE = re.compile(rb'["\[\]{},]')
_INSIDE = re.compile(rb'["\\]')


class Elements:
    """Feed it chunks from the opening bracket on, then `end`. An element is told with the physical line that it starts on."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self.line = 1
        self._depth, self._string, self._escaped = 0, False, False
        self._begun = self._ended = self._failed = False
        self._taken = _Taken(limit)

    def feed(self, chunk: bytes) -> list[Split]:
        """The elements that end in this chunk."""
        out: list[Split] = []
        start, at = 0, 0
        if self._escaped and chunk:
            at, self._escaped = 1, False
        while not self._ended and (found := (_INSIDE if self._string else _OUTSIDE).search(chunk, at)):
            at = found.end()
            mark = found[0]
            if self._string:
                self._string = mark == b"\\"
                if self._string:
                    at += 1
                    self._escaped = at > len(chunk)
            elif mark == b'"':
                self._string = True
            elif self._step(mark):
                self._take(chunk[start : at - 1])
                self._finish(out)
                start, self._ended = at, self._depth == 0
        self._take(chunk[start:])
        if self._ended and not self._failed and self._taken.element(self.line) is not None:
            self._fail(out, "something follows the end of the array")
        return out

    def end(self) -> list[Split]:
        """Nothing, if the array was closed."""
        out: list[Split] = []
        if self._depth:
            self._fail(out, "the file ends inside the array: an element or the array itself is not closed")
        return out

    def _step(self, mark: bytes) -> bool:
        """Whether the mark ends what was taken so far."""
        if mark in b"[{":
            self._depth += 1
            return self._depth == 1
        if mark in b"]}":
            self._depth -= 1
            return self._depth == 0
        return self._depth == 1

    def _take(self, piece: bytes) -> None:
        if self._begun:
            self._taken.add(piece)
        else:
            self.line += piece.count(b"\n")

    def _finish(self, out: list[Split]) -> None:
        """What was taken is an element; before the first there is only the bracket."""
        if self._begun:
            if (found := self._taken.element(self.line)) is not None:
                out.append(found)
            self.line += self._taken.lines
        self._begun = True
        self._taken = _Taken(self._limit)

    def _fail(self, out: list[Split], why: str) -> None:
        self._failed = True
        out.append(FileFault(f"line {self.line + self._taken.blank_lines}: {why}"))


class _Taken:
    """The bytes between two commas; of more than `limit` only the first are kept."""

    def __init__(self, limit: int) -> None:
        self._limit, self._length = limit, 0
        self.lines = self.blank_lines = 0  # all, and those before the element
        self._blank = True
        self._pieces: list[bytes] = []
        self._hash = sha256()

    def add(self, piece: bytes) -> None:
        """More of them."""
        self._length += len(piece)
        self.lines += piece.count(b"\n")
        if self._blank:
            bare = piece.lstrip()
            self.blank_lines += piece[: len(piece) - len(bare)].count(b"\n")
            self._blank = not bare
        self._hash.update(piece)
        if self._length <= self._limit:
            self._pieces.append(piece)
        elif len(self._pieces) != 1 or len(self._pieces[0]) != HEAD:
            self._pieces = [b"".join([*self._pieces, piece])[:HEAD]]

    def element(self, line: int) -> Line | Oversized | None:
        """The element without the blanks around it, with the line it starts on; None where there are only blanks."""
        if self._length > self._limit:
            return Oversized(line + self.blank_lines, self._length, self._hash.hexdigest(), self._pieces[0])
        bare = b"".join(self._pieces).strip()
        return (line + self.blank_lines, bare) if bare else None
