-- Facts, aggregates and the positions that are moved in the same transaction. Times are UTC; money is exact.
-- COLLATE "C" throughout, so that SQL compares text as Python does.

CREATE TABLE ticks (
    day           date        NOT NULL,
    source        text        COLLATE "C" NOT NULL,
    symbol        text        COLLATE "C" NOT NULL,
    kind          text        COLLATE "C" NOT NULL CHECK (kind IN ('trade', 'quote', 'index', 'bar')),
    id            text        COLLATE "C" NOT NULL,
    sequence      bigint      NOT NULL,
    event_time    timestamptz NOT NULL,
    received_at   timestamptz NOT NULL,
    price         numeric,
    size          numeric,
    side          text,
    bid           numeric,
    ask           numeric,
    bid_size      numeric,
    ask_size      numeric,
    native_symbol text        NOT NULL,
    late          boolean     NOT NULL,
    run           text,
    epoch         bigint      NOT NULL,
    raw_partition integer     NOT NULL,
    raw_offset    bigint      NOT NULL,
    raw_index     integer     NOT NULL,
    PRIMARY KEY (day, source, symbol, kind, id)
) PARTITION BY RANGE (day);

-- GET /ticks, as_of and refolds: one source's symbol over a range of time, in order.
CREATE INDEX ticks_by_time ON ticks (symbol, source, kind, event_time, sequence, id);

CREATE TABLE tick_days (
    day       date PRIMARY KEY,
    loaded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE candles (
    source         text        COLLATE "C" NOT NULL,
    symbol         text        COLLATE "C" NOT NULL,
    kind           text        COLLATE "C" NOT NULL,
    start          timestamptz NOT NULL,
    open           numeric     NOT NULL,
    high           numeric     NOT NULL,
    low            numeric     NOT NULL,
    close          numeric     NOT NULL,
    volume         numeric,
    quote_volume   numeric,
    buy_volume     numeric,
    sell_volume    numeric,
    trade_count    bigint      NOT NULL,
    tick_count     bigint      NOT NULL,
    late_count     bigint      NOT NULL,
    first_time     timestamptz NOT NULL,
    first_sequence bigint      NOT NULL,
    first_id       text        COLLATE "C" NOT NULL,
    last_time      timestamptz NOT NULL,
    last_sequence  bigint      NOT NULL,
    last_id        text        COLLATE "C" NOT NULL,
    live           text        CHECK (live IN ('open', 'closed')),  -- null: no live source has touched it
    is_closed      boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (source, symbol, kind, start)
);

-- GET /candles of one symbol over all sources.
CREATE INDEX candles_by_symbol ON candles (symbol, kind, start);

-- The newest tick per source, symbol and kind: GET /latest and /symbols.
CREATE TABLE latest (
    source        text        COLLATE "C" NOT NULL,
    symbol        text        COLLATE "C" NOT NULL,
    kind          text        COLLATE "C" NOT NULL,
    event_time    timestamptz NOT NULL,
    sequence      bigint      NOT NULL,
    id            text        COLLATE "C" NOT NULL,
    received_at   timestamptz NOT NULL,
    native_symbol text        NOT NULL,
    price         numeric     NOT NULL,   -- a quote's mid
    size          numeric,
    bid           numeric,
    ask           numeric,
    PRIMARY KEY (source, symbol, kind)
);

-- The candles that an unfinished run has touched: they are not closed before it ends.
CREATE TABLE candle_runs (
    run    text        COLLATE "C" NOT NULL,
    source text        COLLATE "C" NOT NULL,
    symbol text        COLLATE "C" NOT NULL,
    kind   text        COLLATE "C" NOT NULL,
    start  timestamptz NOT NULL,
    PRIMARY KEY (run, source, symbol, kind, start)
);
-- Is another unfinished run on this candle?
CREATE INDEX candle_runs_by_candle ON candle_runs (source, symbol, kind, start);

-- Live closings waiting until the ticks up to their last origin are stored.
CREATE TABLE closings (
    cluster       text        COLLATE "C" NOT NULL,
    source        text        COLLATE "C" NOT NULL,
    symbol        text        COLLATE "C" NOT NULL,
    kind          text        COLLATE "C" NOT NULL,
    start         timestamptz NOT NULL,
    partition     integer     NOT NULL,   -- of market.ticks and market.candles
    raw_partition integer     NOT NULL,
    epoch         bigint      NOT NULL,
    raw_offset    bigint      NOT NULL,
    raw_index     integer     NOT NULL,
    candle        jsonb,                  -- null: given up by the stream
    PRIMARY KEY (cluster, source, symbol, kind, start)
);
CREATE INDEX closings_by_partition ON closings (cluster, partition);

-- How far each group is, moved in the transaction that did the work.
CREATE TABLE offsets (
    cluster     text    COLLATE "C" NOT NULL,
    consumer    text    COLLATE "C" NOT NULL,
    topic       text    COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint  NOT NULL,
    PRIMARY KEY (cluster, consumer, topic, partition)
);

-- The highest origin stored per derived partition and raw partition: what is at or below it is a repeat.
CREATE TABLE marks (
    cluster       text    COLLATE "C" NOT NULL,
    topic         text    COLLATE "C" NOT NULL,
    partition     integer NOT NULL,
    raw_partition integer NOT NULL,
    epoch         bigint  NOT NULL,
    raw_offset    bigint  NOT NULL,
    raw_index     integer NOT NULL,
    PRIMARY KEY (cluster, topic, partition, raw_partition)
);

CREATE TABLE log_gaps (
    cluster    text        COLLATE "C" NOT NULL,
    stage      text        NOT NULL,
    topic      text        COLLATE "C" NOT NULL,
    partition  integer     NOT NULL,
    first_lost bigint      NOT NULL,
    next_kept  bigint      NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster, stage, topic, partition, first_lost)
);

CREATE SEQUENCE outbox_sequence;
CREATE TABLE outbox (
    topic     text    COLLATE "C" NOT NULL,
    key       bytea   NOT NULL,
    partition integer NOT NULL,
    value     bytea   NOT NULL,
    position  bigint  NOT NULL DEFAULT nextval('outbox_sequence'),
    PRIMARY KEY (topic, key)
);
CREATE INDEX outbox_in_order ON outbox (position);

CREATE TABLE ledger (
    source    text        COLLATE "C" NOT NULL,
    run       text        COLLATE "C" NOT NULL,  -- empty for live records
    hour      timestamptz NOT NULL,
    stored    bigint      NOT NULL DEFAULT 0,
    duplicate bigint      NOT NULL DEFAULT 0,
    late      bigint      NOT NULL DEFAULT 0,
    rejected  bigint      NOT NULL DEFAULT 0,
    mismatch  bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (source, run, hour)
);
CREATE INDEX ledger_by_run ON ledger (run) WHERE run <> '';

CREATE TABLE tallies (
    cluster   text        COLLATE "C" NOT NULL,
    topic     text        COLLATE "C" NOT NULL,
    partition integer     NOT NULL,
    epoch     bigint      NOT NULL,
    block     bigint      NOT NULL,
    source    text        COLLATE "C" NOT NULL,
    run       text        COLLATE "C" NOT NULL,
    hour      timestamptz NOT NULL,
    upto      bigint      NOT NULL,
    received  bigint      NOT NULL,
    rejected  bigint      NOT NULL,
    ignored   bigint      NOT NULL,
    PRIMARY KEY (cluster, topic, partition, epoch, block, source, run, hour)
);
CREATE INDEX tallies_by_run ON tallies (run) WHERE run <> '';

CREATE TABLE dead_letters (
    cluster     text        COLLATE "C" NOT NULL,
    partition   integer     NOT NULL,
    "offset"    bigint      NOT NULL,
    origin      text        NOT NULL,
    source      text        COLLATE "C" NOT NULL,
    run         text        COLLATE "C" NOT NULL,
    line        bigint,
    reason      text        COLLATE "C" NOT NULL,
    message     text        NOT NULL,
    received_at timestamptz NOT NULL,
    sample      bytea       NOT NULL,   -- the first 512 bytes
    PRIMARY KEY (cluster, origin)
);
CREATE INDEX dead_letters_by_run ON dead_letters (run, reason);

CREATE TABLE runs (
    run_id       text        COLLATE "C" PRIMARY KEY,
    run_kind     text        NOT NULL,
    status       text        NOT NULL,
    source       text        COLLATE "C" NOT NULL,
    requested_at timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    request      jsonb       NOT NULL,
    sent         bigint      NOT NULL DEFAULT 0,
    bytes_read   bigint      NOT NULL DEFAULT 0,
    bytes_total  bigint      NOT NULL DEFAULT 0,
    attempts     integer     NOT NULL DEFAULT 0,
    message      text        NOT NULL DEFAULT '',
    finished_at  timestamptz
);
CREATE INDEX runs_by_time ON runs (requested_at, run_id);

-- The copies of a run's markers that are stored; the run is finished when every (origin x derived) one is.
CREATE TABLE run_markers (
    run           text    COLLATE "C" NOT NULL,
    raw_partition integer NOT NULL,
    topic         text    COLLATE "C" NOT NULL,
    partition     integer NOT NULL,
    expected      integer NOT NULL,
    status        text    NOT NULL,
    PRIMARY KEY (run, raw_partition, topic, partition)
);
