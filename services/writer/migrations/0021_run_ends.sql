-- Runs whose markers are all stored and whose windows are still being closed, some at a time.
CREATE TABLE run_ends (
    run     text    COLLATE "C" PRIMARY KEY,
    aborted boolean NOT NULL,
    sent    bigint  NOT NULL,
    message text    NOT NULL
);
