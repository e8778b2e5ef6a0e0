"""Loops that repeat a failing piece of work: what, how often, since when.

Invariant: an episode ends only after the loop has worked for `STEADY_SECONDS` without a failure, so a loop that succeeds
between two failures of the same kind (a restart from a checkpoint) stays one episode.
"""

from dataclasses import dataclass

REASON_CHARACTERS = 300
GRACE_SECONDS = 3.0  # an episode that is over by then is not reported: one lost request, one change of a leader
STEADY_SECONDS = 5.0


@dataclass(slots=True)
class Episode:
    """Failures of one loop that were not followed by steady work; times are seconds of one monotonic clock but `since`."""

    since: float  # Unix time of the first failure
    began: float
    reason: str
    attempts: int = 1
    worked: float | None = None  # when the loop worked for the first time after the newest failure

    def over(self, now: float) -> bool:
        """Whether the loop has worked steadily since the newest failure."""
        return self.worked is not None and now - self.worked >= STEADY_SECONDS

    def reported(self, now: float) -> bool:
        """Whether it has lasted too long to be a transient failure."""
        return not self.over(now) and now - self.began >= GRACE_SECONDS


class Retries:
    """The present episode of every loop, by name."""

    def __init__(self) -> None:
        self._episodes: dict[str, Episode] = {}

    def failed(self, loop: str, reason: str, *, now: float, unix: float) -> None:
        """One more attempt of the loop has failed."""
        episode = self._episodes.get(loop)
        if episode is None or episode.over(now):
            self._episodes[loop] = Episode(unix, now, cleaned(reason))
        else:
            episode.attempts += 1
            episode.reason, episode.worked = cleaned(reason), None

    def worked(self, loop: str, now: float) -> None:
        """The loop has completed what it had to do."""
        if (episode := self._episodes.get(loop)) is not None:
            if episode.worked is None:
                episode.worked = now
            elif episode.over(now):
                del self._episodes[loop]

    def reported(self, now: float) -> dict[str, Episode]:
        """The episodes that make the service not ready."""
        return {loop: episode for loop, episode in self._episodes.items() if episode.reported(now)}

    def seconds(self, loop: str, now: float) -> float:
        """For how long the loop has been retrying; 0 while it works."""
        episode = self._episodes.get(loop)
        return 0.0 if episode is None or episode.over(now) else now - episode.began


def cleaned(reason: str) -> str:
    """One printable line of at most `REASON_CHARACTERS`."""
    line = "".join(c if c.isprintable() else " " for c in reason[: 4 * REASON_CHARACTERS])
    return " ".join(line.split())[:REASON_CHARACTERS]
