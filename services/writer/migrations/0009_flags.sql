-- What was found doubtful in live ticks: one row an episode, as it now stands. Times are receive times.

CREATE TABLE flags (
    source          text        COLLATE "C" NOT NULL,
    symbol          text        COLLATE "C" NOT NULL,
    kind            text        COLLATE "C" NOT NULL,
    flag            text        COLLATE "C" NOT NULL,
    start           timestamptz NOT NULL,
    since           timestamptz NOT NULL,
    "end"           timestamptz,            -- null: it stands
    ticks           bigint      NOT NULL,   -- flagged so far
    price           numeric,
    reference       numeric,                -- what the price was held against
    epoch           bigint      NOT NULL,   -- the origins of the first and the last tick flagged; of a stale source, the last one heard
    raw_partition   integer     NOT NULL,
    first_offset    bigint      NOT NULL,
    first_index     integer     NOT NULL,
    last_epoch      bigint      NOT NULL,
    last_offset     bigint      NOT NULL,
    last_index      integer     NOT NULL,
    PRIMARY KEY (source, symbol, kind, flag, epoch, raw_partition, first_offset, first_index)
);
-- GET /flags, the newest first.
CREATE INDEX flags_by_time ON flags (start, source, symbol, kind, flag, epoch, raw_partition, first_offset, first_index);
CREATE INDEX flags_by_symbol ON flags (symbol, start, source, kind, flag, epoch, raw_partition, first_offset, first_index);
-- GET /latest: what stands.
CREATE INDEX flags_standing ON flags (source, symbol, kind, flag) WHERE "end" IS NULL;
