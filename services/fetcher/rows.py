"""A file's bytes split into rows: LF and CRLF, newlines in quoted fields, bounded memory. However the bytes are cut, the rows are the same.

Quotes count as in RFC 4180: a field is quoted if it begins with a quote. Empty lines are no rows.
"""

from hashlib import sha256
from typing import NamedTuple

from shared.errors import FileFault

Line = tuple[int, bytes]  # the physical line a row starts on (1-based), its bytes without the line end
HEAD = 1024


class Oversized(NamedTuple):
    """A row longer than the limit: its first line number, its length, its hash and its first bytes."""

    line: int
    length: int
    sha256: str
    head: bytes

    @classmethod
    def of(cls, line: int, row: bytes) -> "Oversized":
        """The same of a row that is at hand."""
        return cls(line, len(row), sha256(row).hexdigest(), row[:HEAD])


Split = Line | Oversized | FileFault


class Splitter:
    """Feed it chunks, then `end`. `line` is the number of the next physical line; rows longer than `limit` come as `Oversized`."""

    def __init__(self, *, quoted: bool, limit: int, quoted_limit: int = 1024 * 1024) -> None:
        self._quoted, self._limit, self._quoted_limit = quoted, limit, min(limit, quoted_limit)
        self.line = 1
        self._held: list[bytes] = []  # pieces of a line whose end has not come
        self._held_bytes = 0
        self._skipping: _Skipped | None = None
        self._open: list[bytes] = []  # lines of a row whose quote has not closed
        self._open_bytes = 0
        self._failed = False

    def feed(self, chunk: bytes) -> list[Split]:
        """The rows that end in this chunk."""
        if self._failed:
            return []
        out: list[Split] = []
        if self._skipping is not None:
            cut = chunk.find(b"\n")
            if cut < 0:
                self._skipping.add(chunk)
                return out
            self._skipping.add(chunk[:cut])
            out.append(self._skipping.done(self.line))
            self._skipping, self.line = None, self.line + 1
            chunk = chunk[cut + 1 :]
        cut = chunk.rfind(b"\n")
        if cut < 0:
            self._hold(chunk, out)
            return out
        whole = b"".join([*self._held, chunk[:cut]])
        self._held, self._held_bytes = [], 0
        self._lines(whole, out)
        self._hold(chunk[cut + 1 :], out)
        return out

    def end(self) -> list[Split]:
        """The last row, which may lack its line end."""
        out: list[Split] = []
        if self._failed:
            return out
        if self._skipping is not None:
            out.append(self._skipping.done(self.line))
        elif self._held:
            whole, self._held = b"".join(self._held), []
            self._lines(whole, out)
        if self._open and not self._failed:
            out.append(self._never_closed("before the end of the file"))
        return out

    def _hold(self, piece: bytes, out: list[Split]) -> None:
        if not piece or self._failed:
            return
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._open and self._open_bytes + self._held_bytes > self._quoted_limit:
            self._held, self._held_bytes = [], 0
            out.append(self._never_closed(f"within {self._quoted_limit:,} bytes"))
        elif self._held_bytes > self._limit + 1:  # one more, for a CR that may belong to the line end
            self._skipping = _Skipped(self._held)
            self._held, self._held_bytes = [], 0

    def _lines(self, whole: bytes, out: list[Split]) -> None:
        lines = whole.split(b"\n")
        first = self.line
        if self._open or (self._quoted and b'"' in whole):
            for line in lines:
                self._quoted_line(line, out)
                if self._failed:
                    return
            return
        self.line = first + len(lines)
        if b"\r" in whole:
            lines = [line[:-1] if line.endswith(b"\r") else line for line in lines]
        if len(whole) > self._limit:
            out += [Oversized.of(at, line) if len(line) > self._limit else (at, line) for at, line in enumerate(lines, first) if line]
        else:
            out += [row for row in enumerate(lines, first) if row[1]]

    def _quoted_line(self, line: bytes, out: list[Split]) -> None:
        self.line += 1
        if not self._open and len(line.removesuffix(b"\r")) > self._limit:
            out.append(Oversized.of(self.line - 1, line.removesuffix(b"\r")))
            return
        inside = ends_inside_quotes(line, bool(self._open))
        if inside or self._open:
            self._open.append(line)
            self._open_bytes += len(line) + 1
            # A row of quoted lines is never `Oversized`: this limit is the lower one.
            if self._open_bytes > self._quoted_limit:
                out.append(self._never_closed(f"within {self._quoted_limit:,} bytes"))
                return
        if inside:
            return
        start, row = self.line - max(len(self._open), 1), b"\n".join(self._open) if self._open else line
        self._open, self._open_bytes = [], 0
        if row := row.removesuffix(b"\r"):
            out.append((start, row))

    def _never_closed(self, where: str) -> FileFault:
        self._failed = True
        return FileFault(f"line {self.line - len(self._open)}: a quote opens there that is not closed {where}")


class _Skipped:
    """A row too long to be held: hashed as it passes. A CR at its end waits, since it may belong to the line end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._hash, self._length, self._head, self._cr = sha256(), 0, b"", b""
        for piece in pieces:
            self.add(piece)

    def add(self, piece: bytes) -> None:
        if not piece:
            return
        piece, self._cr = self._cr + piece, b""
        if piece.endswith(b"\r"):
            piece, self._cr = piece[:-1], b"\r"
        self._hash.update(piece)
        self._length += len(piece)
        self._head = (self._head + piece[:HEAD])[:HEAD]

    def done(self, line: int) -> Oversized:
        return Oversized(line, self._length, self._hash.hexdigest(), self._head)


def ends_inside_quotes(line: bytes, inside: bool) -> bool:
    """Whether a quoted field is still open at the line's end, given whether one was at its start.

    A row whose quotes break RFC 4180 ends with its line, so that it takes no other line with it: its reader rejects it.
    """
    at = 0
    while True:
        if inside:
            at = line.find(b'"', at)
            if at < 0:
                return True
            if line[at + 1 : at + 2] == b'"':
                at += 2
                continue
            inside = False
            if line[at + 1 : at + 2] not in (b",", b"", b"\r"):
                return False
        elif line[at : at + 1] == b'"':
            inside, at = True, at + 1
            continue
        at = line.find(b",", at) + 1
        if not at:
            return False
