-- What the owners of live sources say: their newest state, and every gap.

CREATE TABLE sources (
    source       text        COLLATE "C" PRIMARY KEY,
    provider     text        NOT NULL,
    epoch        bigint      NOT NULL,
    state        text        NOT NULL,
    at           timestamptz NOT NULL,   -- everything received up to here is acknowledged
    received     bigint      NOT NULL,
    acknowledged bigint      NOT NULL,
    connects     bigint      NOT NULL,
    reason       text        NOT NULL
);

-- Receive times in which a source may have said what was not kept.
CREATE TABLE source_gaps (
    source   text        COLLATE "C" NOT NULL,
    start    timestamptz NOT NULL,
    "end"    timestamptz NOT NULL,
    reason   text        NOT NULL,
    PRIMARY KEY (source, start)
);
