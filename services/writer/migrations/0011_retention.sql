-- Days of ticks and quotes that are no longer kept: what was dropped is counted, and what comes later of such a day is rejected.

CREATE TABLE expired_days (
    of         text        COLLATE "C" NOT NULL CHECK (of IN ('ticks', 'quotes')),
    day        date        NOT NULL,
    expired_at timestamptz NOT NULL DEFAULT now(),
    rows       bigint,                                -- that were dropped; null: they are still to be
    PRIMARY KEY (of, day)
);

COMMENT ON COLUMN tick_days.loaded_at IS 'when something was last stored of the day, to the hour';
COMMENT ON COLUMN quote_days.loaded_at IS 'when something was last stored of the day, to the hour';

-- Stored, and dropped since: so rows = stored - expired.
ALTER TABLE ledger ADD COLUMN expired bigint NOT NULL DEFAULT 0;

-- A dead letter that leaves by the outbox, whose key is its origin: {"key": …, "headers": [[name, value], …]}.
ALTER TABLE outbox ADD COLUMN letter jsonb;
