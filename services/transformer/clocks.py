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
    """One source's time in one partition. `epoch` is its newest owner's.

    `log_time` is the greatest timestamp of the source's own records: no other source moves it.
    `silent_since` is the log time at which it last reported something newer than `max_event`, or
    connected: a page of history, a duplicate or a repeat leaves it where it is. Windows are
    published when `log_time` reaches `next_emit`, which last happened at offset `crossed_at`;
    at `emitted_at` there was something to publish.
    """

    max_event: int = 0
    watermark: int = 0
    silent_since: int = 0
    epoch: int = 0
    log_time: int = 0
    next_emit: int = 0
    crossed_at: int = -1
    emitted_at: int = -1

    def event(self, event_time: int, log_time: int, rules: Rules) -> None:
        """A datum arrived: max(event_time) - out_of_orderness, never backwards."""
        self.log_time = max(self.log_time, log_time)
        if event_time > self.max_event:
            self.max_event, self.silent_since = event_time, self.log_time
            self.watermark = max(self.watermark, event_time - rules.out_of_orderness)

    def heartbeat(self, epoch: int, log_time: int, rules: Rules) -> None:
        """Connected and silent: after `idle_timeout` the watermark advances by the log time that passes.

        It keeps the source's delay; a source that is ahead of its receive times waits for them. An
        older owner's heartbeat is ignored; a new owner's starts the silence anew, since what its
        predecessor had received may be lost.
        """
        if epoch < self.epoch:
            return
        self.set_back(epoch, log_time, rules)
        self.log_time = max(self.log_time, log_time)
        if epoch > self.epoch:
            self.connect(epoch, log_time)
        silence = self.log_time - self.silent_since
        if self.max_event and silence >= rules.idle_timeout:
            reached = min(self.max_event + silence, self.log_time)
            self.watermark = max(self.watermark, reached - rules.out_of_orderness)

    def connect(self, epoch: int, log_time: int) -> None:
        """A new connection: the outage before it was no silence."""
        if epoch >= self.epoch:
            self.log_time = max(self.log_time, log_time)
            self.epoch, self.silent_since = epoch, max(self.silent_since, self.log_time)

    def set_back(self, epoch: int, log_time: int, rules: Rules) -> None:
        """Its owner's clock was ahead and has been set right: time goes on from there."""
        if epoch >= self.epoch and log_time < self.log_time - rules.max_skew:
            self.log_time, self.next_emit = log_time, 0
            self.silent_since = min(self.silent_since, log_time)
