-- Orders, their executions priced against the quotes of their symbol, and what each order came to.

-- The values of a quote are its identity. The primary key also finds the quote of an execution: the greatest at or before a time.
CREATE TABLE quotes (
    symbol        text        COLLATE "C" NOT NULL,
    event_time    timestamptz NOT NULL,
    bid           numeric     NOT NULL,
    ask           numeric     NOT NULL,
    received_at   timestamptz NOT NULL,
    run           text        COLLATE "C",
    epoch         bigint      NOT NULL,
    raw_partition integer     NOT NULL,
    raw_offset    bigint      NOT NULL,
    PRIMARY KEY (symbol, event_time, bid, ask)
);

-- The greatest quote of each symbol; its row is locked by whoever stores quotes or fills of the symbol.
CREATE TABLE quote_heads (
    symbol     text        COLLATE "C" PRIMARY KEY,
    event_time timestamptz,               -- null: executions only
    bid        numeric,
    ask        numeric
);

-- An order with what its fills come to. The row of an order that is not known yet, but has fills, has no symbol.
CREATE TABLE orders (
    order_id         text        COLLATE "C" PRIMARY KEY,
    symbol           text        COLLATE "C",
    side             text,
    quantity         numeric,
    limit_price      numeric,             -- null: at the market
    event_time       timestamptz,
    destination      text        COLLATE "C",
    action           smallint    NOT NULL,  -- of the version that holds: 0 new, 1 correct, 2 cancel, 3 bust; -1 not known
    action_time      timestamptz NOT NULL,
    content          bytea       NOT NULL,
    received_at      timestamptz,
    run              text        COLLATE "C",  -- the last that named it
    epoch            bigint,
    raw_partition    integer,
    raw_offset       bigint,
    filled_qty       numeric     NOT NULL DEFAULT 0,
    notional         numeric     NOT NULL DEFAULT 0,
    total_pi_dollars numeric     NOT NULL DEFAULT 0,
    fill_count       bigint      NOT NULL DEFAULT 0,
    unpriced         bigint      NOT NULL DEFAULT 0,  -- fills without a quote
    mismatched       bigint      NOT NULL DEFAULT 0,  -- fills of another symbol or side
    revision         bigint      NOT NULL DEFAULT 0
);

-- An execution with the quote that it is priced against.
CREATE TABLE fills (
    trade_id      text        COLLATE "C" PRIMARY KEY,
    order_id      text        COLLATE "C" NOT NULL,
    symbol        text        COLLATE "C" NOT NULL,
    side          text        NOT NULL,
    quantity      numeric     NOT NULL,
    price         numeric     NOT NULL,
    event_time    timestamptz NOT NULL,
    destination   text        COLLATE "C" NOT NULL,
    action        smallint    NOT NULL,
    action_time   timestamptz NOT NULL,
    content       bytea       NOT NULL,
    received_at   timestamptz NOT NULL,
    run           text        COLLATE "C",  -- the last that named it
    epoch         bigint      NOT NULL,
    raw_partition integer     NOT NULL,
    raw_offset    bigint      NOT NULL,
    quote_time    timestamptz,             -- null: no quote at or before its time
    bid           numeric,
    ask           numeric,
    pi_dollars    numeric GENERATED ALWAYS AS (
        CASE WHEN bid IS NULL THEN NULL WHEN side = 'buy' THEN greatest(0, ask - price) ELSE greatest(0, price - bid) END * quantity
    ) STORED,
    revision      bigint      NOT NULL DEFAULT 1
);
-- The fills of an order: its summary, and GET /orders/{order_id}/fills.
CREATE INDEX fills_by_order ON fills (order_id, event_time, trade_id);
-- The fills that a quote prices, and GET /fills of a symbol.
CREATE INDEX fills_by_symbol ON fills (symbol, event_time, trade_id);

-- The symbols that an unfinished run has touched: their last fills are priced when it ends.
CREATE TABLE trading_runs (
    run    text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    PRIMARY KEY (run, symbol)
);

-- A row of the outbox may hold many records of its partition, one a line: key, tab, value.
ALTER TABLE outbox ADD COLUMN bundled boolean NOT NULL DEFAULT false;

-- What each finished run of orders came to as files; written after the run's end, once.
CREATE TABLE outputs (
    run          text        COLLATE "C" PRIMARY KEY,
    requested_at timestamptz NOT NULL DEFAULT now(),
    written_at   timestamptz,              -- null: to be written
    fills        bigint,                   -- rows of the files
    summary      bigint,
    fills_path   text,
    summary_path text
);
CREATE INDEX outputs_to_write ON outputs (requested_at) WHERE written_at IS NULL;

-- GET /orders in the order of time, or of price improvement.
CREATE INDEX orders_by_time ON orders (event_time, order_id);
CREATE INDEX orders_by_improvement ON orders (total_pi_dollars, order_id);
