"""Where the derived views lie: files made of what the store holds, replaced whenever it holds otherwise. Pure.

    snapshots/YYYY/MM/DD/prices-HHMM.csv    daily/<ticker>/<date>.json    runs/<run_id>.json    outputs/<run_id>/<file>

They are the store's, not a cluster's: a Kafka made anew goes on with the same. A store in a schema of its own has them under its name.
"""

from datetime import date
from typing import NamedTuple

from shared import snapshots

PUBLIC = "public"
FOLDERS = ("snapshots/", "daily/", "runs/", "outputs/")


class Views(NamedTuple):
    """The views of one store."""

    schema: str = PUBLIC

    def snapshot(self, started_at: int) -> str:
        """The prices of the snapshots begun in that minute (us)."""
        return self._key(f"snapshots/{snapshots.path(started_at)}")

    def day(self, ticker: str, day: date) -> str:
        """An exchange day of a ticker."""
        return self._key(f"daily/{ticker}/{day}.json")

    def run(self, run_id: str) -> str:
        """What a run came to."""
        return self._key(f"runs/{run_id}.json")

    def output(self, run_id: str, name: str) -> str:
        """A file of a run of orders."""
        return self._key(f"outputs/{run_id}/{name}")

    def _key(self, key: str) -> str:
        return key if self.schema == PUBLIC else f"{self.schema}/{key}"


def uri(bucket: str, key: str) -> str:
    """`s3://bucket/key`."""
    return f"s3://{bucket}/{key}"
