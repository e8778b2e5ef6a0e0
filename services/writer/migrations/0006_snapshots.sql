-- What aggregators say of coins besides their prices, each statement once; and what a run came to besides rows.

CREATE TABLE market_info (
    source        text        COLLATE "C" NOT NULL,
    symbol        text        COLLATE "C" NOT NULL,
    event_time    timestamptz NOT NULL,
    id            text        COLLATE "C" NOT NULL,
    native_symbol text        NOT NULL,
    name          text        NOT NULL,
    rank          bigint,
    market_cap    numeric,                -- in the symbol's quote currency
    volume_24h    numeric,                -- rolling: never summed
    change_1h     numeric,                -- percent
    change_24h    numeric,
    change_7d     numeric,
    received_at   timestamptz NOT NULL,
    run           text        COLLATE "C",
    epoch         bigint      NOT NULL,
    raw_partition integer     NOT NULL,
    raw_offset    bigint      NOT NULL,
    raw_index     integer     NOT NULL,
    PRIMARY KEY (source, symbol, event_time, id)
);
-- The newest of a symbol, of all sources.
CREATE INDEX market_info_by_symbol ON market_info (symbol, event_time);

ALTER TABLE runs ADD COLUMN result jsonb NOT NULL DEFAULT '{}';
