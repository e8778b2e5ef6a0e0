-- Symbols that a live source does not get, each with the venue's words.
ALTER TABLE sources ADD COLUMN problems jsonb NOT NULL DEFAULT '{}';
