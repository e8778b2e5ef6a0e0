"""One connection of a feed: what waits to be sent to it, and how it ends.

Invariant: what is unsent is bounded: a client that reads too slowly is disconnected, as venues do it.
"""

from __future__ import annotations

from typing import Protocol

from deploy.simulator.frames import frame
from deploy.simulator.venue import Session, Stream, Venue


class Wire(Protocol):
    """The socket of a client."""

    def write(self, data: bytes) -> int:
        """Sends, or keeps for sending; how many bytes are unsent."""

    def ping(self) -> None: ...

    def close(self, code: int, reason: str) -> None:
        """Says goodbye, then closes."""

    def abort(self) -> None:
        """Drops the connection without a word."""


class Client:
    """The venue's session and the frames that wait for the next flush; times in us. One that is corked waits to be poured."""

    def __init__(self, venue: Venue, session: Session, wire: Wire, now: int) -> None:
        self.venue, self.session, self.wire = venue, session, wire
        self.number = session.number
        self.opened_at = self.pinged_at = self.heard_at = now
        self.outbox: list[bytes] = []
        self.joined: set[Stream] = set()
        self.paused = self.corked = False
        self.closed = ""
        self.sent = 0
        self._notes: dict[tuple[str, str], bytes] = {}

    def send(self, payload: bytes) -> None:
        """Puts a message in the outbox."""
        self.outbox.append(frame(payload))

    def flush(self) -> int:
        """Writes the outbox; how many bytes are unsent."""
        data = b"".join(self.outbox)
        self.sent += len(self.outbox)
        self.outbox.clear()
        return self.wire.write(data)

    def pour(self, frames: int) -> None:
        """Writes the first frames of the outbox."""
        data = b"".join(self.outbox[:frames])
        self.sent += len(self.outbox[:frames])
        del self.outbox[:frames]
        self.wire.write(data)

    def note(self, channel: str, fate: str) -> bytes:
        """What the log says of one frame to this client."""
        key = (channel, fate)
        if key not in self._notes:
            self._notes[key] = b'{"connection":%d,"channel":"%s","fate":"%s"}' % (self.number, channel.encode(), fate.encode())
        return self._notes[key]
