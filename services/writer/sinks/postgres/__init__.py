"""The Postgres store: one transaction a batch.

`sink` orders the steps; `connection` opens and translates faults; `positions` locks and moves offsets and marks; `ticks`, `infos`,
`candles`, `closings`, `runs`, `ledger` write their tables; `outbox` keeps what must still be published. `operations` does the same for
operational events, on `aggregates`, the statements that any aggregate's tables share; `trading` for orders, executions and
quotes, on `trading_rows` (what is stored, as bytes), `pricing` (by what is at hand), `quotes` (by a search), `fills`, `orders` (summaries),
`trading_outbox` and `outputs` (files of runs). `binary` spells rows, `copying` hands them over. `views` says which runs' views in S3 are to
be written.
"""

from services.writer.sinks.postgres.sink import PostgresSink

__all__ = ["PostgresSink"]
