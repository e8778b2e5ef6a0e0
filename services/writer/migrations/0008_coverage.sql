-- What is known to be missing, and how it ended: one row a hole, told by the owners of live sources.

ALTER TABLE sources ADD COLUMN begun_at timestamptz;  -- when its first connection was up

CREATE TABLE holes (
    source   text        COLLATE "C" NOT NULL,
    symbol   text        COLLATE "C" NOT NULL,  -- empty: every symbol of the source
    kind     text        COLLATE "C" NOT NULL,
    place    bigint      NOT NULL,              -- the first id, or the start in microseconds where there are no ids
    first_id bigint,
    last_id  bigint,
    start    timestamptz NOT NULL,              -- the last time known before it, and the first behind it
    "end"    timestamptz NOT NULL,
    state    text        NOT NULL CHECK (state IN ('open', 'repaired', 'lost')),
    reason   text        NOT NULL,
    found_at timestamptz NOT NULL,
    ended_at timestamptz,
    requests integer     NOT NULL,
    message  text        NOT NULL,
    PRIMARY KEY (source, symbol, kind, place)
);
-- GET /coverage: the newest first.
CREATE INDEX holes_by_time ON holes (found_at, source, symbol, kind, place);
-- coverage of candles: what a source still lacks over a range of time.
CREATE INDEX holes_unfilled ON holes (source, kind, symbol, "end") WHERE state <> 'repaired';

-- GET /throughput: every candle of a range of time.
CREATE INDEX candles_by_time ON candles (start);
