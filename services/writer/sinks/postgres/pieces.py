"""Pieces of work that a loop has set aside, with why.

Invariant: a piece that is set aside is not taken up again until its row is deleted.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from services.writer.sinks.postgres.connection import Connection, is_retried
from shared.errors import Unavailable
from shared.storable import storable

_KEEP = (
    "INSERT INTO failed_pieces (loop, piece, reason) VALUES ($1, $2, $3) ON CONFLICT (loop, piece) DO UPDATE SET reason = excluded.reason"
)
# Of the piece's own path; all other faults of files are the machine's, a full disk among them.
_PATHS = frozenset({errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL, errno.ELOOP, errno.EILSEQ})


class Failed(Exception):
    """A piece of work that fails however often it is tried."""

    def __init__(self, piece: str, reason: str) -> None:
        super().__init__(f"{piece}: {reason}")
        self.piece, self.reason = piece, reason


@contextmanager
def piece(name: str) -> Iterator[None]:
    """Raises `Failed` for what another try would meet again; what is unavailable passes."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as fault:
        own_path = isinstance(fault, OSError) and fault.errno in _PATHS
        if is_retried(fault) and not own_path:
            raise
        raise Failed(name, f"{type(fault).__name__}: {fault}") from fault


def without(loop: str, column: str) -> str:
    """The condition that a piece, named by a column, is not set aside."""
    return f"NOT EXISTS (SELECT FROM failed_pieces p WHERE p.loop = '{loop}' AND p.piece = {column})"


async def set_aside(connection: Connection, loop: str, piece: str, reason: str) -> None:
    """Keeps the piece and its reason."""
    await connection.execute(_KEEP, loop, storable(piece), storable(reason))
