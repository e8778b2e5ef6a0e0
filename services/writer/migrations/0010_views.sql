-- Where the files of runs are in S3 besides, and which runs' views there are still to be written.

ALTER TABLE outputs
    ADD COLUMN fills_uri   text,                       -- s3://…; null: none is configured
    ADD COLUMN summary_uri text;

ALTER TABLE runs
    ADD COLUMN views    jsonb NOT NULL DEFAULT '{}',   -- what was written, by name: its address
    ADD COLUMN views_at timestamptz;                   -- null: to be written, or again, since the run was told of anew
CREATE INDEX runs_to_view ON runs (requested_at, run_id) WHERE finished_at IS NOT NULL AND views_at IS NULL;
-- The snapshots of a minute share a file.
CREATE INDEX runs_by_minute ON runs ((left(result ->> 'started_at', 16))) WHERE run_kind = 'snapshot';
