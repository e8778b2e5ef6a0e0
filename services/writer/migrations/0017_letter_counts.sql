-- A record has one dead letter: a row for each reason for which values of it were rejected, and how many they were.

ALTER TABLE dead_letters ADD COLUMN count bigint NOT NULL DEFAULT 1;
ALTER TABLE dead_letters ADD COLUMN others json NOT NULL DEFAULT '[]';  -- the first of several: [[index, message], ...]
