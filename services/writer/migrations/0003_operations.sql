-- Operational events, and what they come to by service and minute.

CREATE TABLE service_events (
    event_id       text        COLLATE "C" PRIMARY KEY,
    service        text        COLLATE "C" NOT NULL,
    event_type     text        COLLATE "C" NOT NULL,
    event_time     timestamptz NOT NULL,
    timestamp      text        NOT NULL,   -- as it was given
    latency_ms     numeric,
    status_code    integer,
    user_id        text,
    region         text,
    schema_version integer     NOT NULL,
    extra          json        NOT NULL,   -- fields of newer versions, as they came
    nulled         text[]      NOT NULL,   -- fields that were given and could not be used
    received_at    timestamptz NOT NULL,
    late           boolean     NOT NULL,
    run            text        COLLATE "C",
    epoch          bigint      NOT NULL,
    raw_partition  integer     NOT NULL,
    raw_offset     bigint      NOT NULL,
    raw_index      integer     NOT NULL
);
-- A refold reads the events of one service and minute.
CREATE INDEX service_events_by_time ON service_events (service, event_time);
-- GET /rejects counts the fields that became null.
CREATE INDEX service_events_nulled ON service_events (run) WHERE nulled <> '{}';

CREATE TABLE minutes (
    service       text        COLLATE "C" NOT NULL,
    start         timestamptz NOT NULL,
    request_count bigint      NOT NULL,
    latency_count bigint      NOT NULL,
    latency_sum   numeric     NOT NULL,
    status_count  bigint      NOT NULL,
    error_count   bigint      NOT NULL,
    late_count    bigint      NOT NULL,
    buckets       integer[]   NOT NULL,   -- the histogram of latencies: bucket by bucket, and how many are in each
    counts        bigint[]    NOT NULL,
    live          text        CHECK (live IN ('open', 'closed')),  -- null: no live event has touched it
    is_closed     boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (service, start)
);
-- GET /metrics of all services.
CREATE INDEX minutes_by_time ON minutes (start, service);

-- The minutes that an unfinished run has touched: they are not closed before it ends.
CREATE TABLE minute_runs (
    run     text        COLLATE "C" NOT NULL,
    service text        COLLATE "C" NOT NULL,
    start   timestamptz NOT NULL,
    PRIMARY KEY (run, service, start)
);
-- Is another unfinished run on this minute?
CREATE INDEX minute_runs_by_minute ON minute_runs (service, start);

-- Live closings waiting until the events up to their last origin are stored.
CREATE TABLE minute_closings (
    cluster       text        COLLATE "C" NOT NULL,
    service       text        COLLATE "C" NOT NULL,
    start         timestamptz NOT NULL,
    partition     integer     NOT NULL,   -- of ops.events and ops.minutes
    raw_partition integer     NOT NULL,
    epoch         bigint      NOT NULL,
    raw_offset    bigint      NOT NULL,
    raw_index     integer     NOT NULL,
    partial       jsonb,                  -- null: given up by the stream
    PRIMARY KEY (cluster, service, start)
);
CREATE INDEX minute_closings_by_partition ON minute_closings (cluster, partition);

-- GET /rejects: by reason, the newest first.
CREATE INDEX dead_letters_by_reason ON dead_letters (reason, received_at DESC, origin);
