-- Rows of an expired day are deleted a day at a time: those that are still to be deleted are the marked days that are listed as loaded.

UPDATE expired_days SET rows = 0 WHERE rows IS NULL;
ALTER TABLE expired_days ALTER COLUMN rows SET DEFAULT 0, ALTER COLUMN rows SET NOT NULL;
COMMENT ON COLUMN expired_days.rows IS 'that were deleted';

-- The newest mark is read in each transaction of a writer, however many days are marked.
ALTER TABLE expired_days ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY UNIQUE;
