-- Bars as venues make them, the exchange days that were asked for, and what became of the runs that asked.

-- Not among the ticks: those have a partition a day, and a daily bar would be alone in its.
CREATE TABLE bars (
    source        text        COLLATE "C" NOT NULL,
    symbol        text        COLLATE "C" NOT NULL,
    start         timestamptz NOT NULL,
    id            text        COLLATE "C" NOT NULL,
    width         bigint      NOT NULL,   -- us
    open          numeric     NOT NULL,
    high          numeric     NOT NULL,
    low           numeric     NOT NULL,
    close         numeric     NOT NULL,
    volume        numeric     NOT NULL,
    vwap          numeric,
    trade_count   bigint      NOT NULL,
    adjusted      boolean     NOT NULL,
    native_symbol text        NOT NULL,
    received_at   timestamptz NOT NULL,
    content       bytea       NOT NULL,   -- of several copies the greatest (received_at, content) holds
    late          boolean     NOT NULL,
    run           text        COLLATE "C",
    epoch         bigint      NOT NULL,
    raw_partition integer     NOT NULL,
    raw_offset    bigint      NOT NULL,
    raw_index     integer     NOT NULL,
    PRIMARY KEY (source, symbol, start)
);

-- The days that runs have asked for, each as its newest run found it.
CREATE TABLE daily (
    source       text        COLLATE "C" NOT NULL,
    symbol       text        COLLATE "C" NOT NULL,
    day          date        NOT NULL,   -- in New York
    open         numeric     NOT NULL,
    high         numeric     NOT NULL,
    low          numeric     NOT NULL,
    close        numeric     NOT NULL,
    volume       numeric     NOT NULL,
    vwap         numeric,
    trade_count  bigint      NOT NULL,
    adjusted     boolean     NOT NULL,
    session      text        NOT NULL CHECK (session IN ('regular', 'early_close', 'holiday')),
    market_phase text        CHECK (market_phase IN ('accumulation', 'markup', 'distribution', 'markdown')),
    phase_reason text        NOT NULL,   -- why there is no phase
    average_50   numeric,
    average_200  numeric,
    revision     bigint      NOT NULL,   -- 1, and one more each time any of the above changes
    run          text        COLLATE "C" NOT NULL,
    received_at  timestamptz NOT NULL,
    PRIMARY KEY (source, symbol, day)
);
-- GET /daily/{ticker} over all sources.
CREATE INDEX daily_by_symbol ON daily (symbol, day, source);

-- What was said of a day before it was restated.
CREATE TABLE daily_revisions (
    LIKE daily,
    PRIMARY KEY (source, symbol, day, revision)
);

ALTER TABLE runs
    ADD COLUMN days bigint,                          -- that a daily run found; null until they are in
    ADD COLUMN files_at timestamptz;                 -- when the files of a daily run were written
CREATE INDEX runs_to_write ON runs (requested_at, run_id) WHERE run_kind = 'daily' AND finished_at IS NOT NULL AND files_at IS NULL;
