-- What retention has removed again: rows that the ledger counted as stored and that are no longer there.
ALTER TABLE ledger ADD COLUMN dropped bigint NOT NULL DEFAULT 0;

-- A day whose partition was dropped by its age.
ALTER TABLE tick_days ADD COLUMN dropped_at timestamptz;
