"""The watermark of a live source in one raw partition: monotone, moved by events and, while the source is silent, by heartbeats.

Only the log moves it: event times and receive timestamps. Without heartbeats it stands still, so nothing is declared complete.
"""

import msgspec


class Rules(msgspec.Struct, frozen=True):
    """The settings of time, in us of the log."""

    out_of_orderness: int = 2_000_000
    idle_timeout: int = 5_000_000
    max_skew: int = 60_000_000
    emit_interval: int = 1_000_000
    window_age: int = 3_600_000_000
    window_records: int = 1_000_000


class Clock(msgspec.Struct):
    """One source's time. `silent_since` is the log time of its last data or connect; `epoch` its newest owner's."""

    max_event: int = 0
    watermark: int = 0
    silent_since: int = 0
    epoch: int = 0

    def event(self, event_time: int, log_time: int, rules: Rules) -> None:
        """A datum arrived: max(event_time) - out_of_orderness, never backwards."""
        self.silent_since = log_time
        if event_time > self.max_event:
            self.max_event = event_time
            self.watermark = max(self.watermark, event_time - rules.out_of_orderness)

    def heartbeat(self, epoch: int, log_time: int, rules: Rules) -> None:
        """Connected and silent: after `idle_timeout` the watermark advances by the log time that passes, keeping the source's delay.

        An older owner's heartbeat is ignored; a new owner's starts the silence anew, since what its predecessor had received may be lost.
        """
        if epoch < self.epoch:
            return
        if epoch > self.epoch:
            self.epoch, self.silent_since = epoch, max(self.silent_since, log_time)
        silence = log_time - self.silent_since
        if self.max_event and silence >= rules.idle_timeout:
            self.watermark = max(self.watermark, self.max_event + silence - rules.out_of_orderness)

    def connect(self, epoch: int, log_time: int) -> None:
        """A new connection: the outage before it was no silence."""
        if epoch >= self.epoch:
            self.epoch, self.silent_since = epoch, max(self.silent_since, log_time)
