-- The id of the topic that a position is of: a topic deleted and made anew has another one. Empty until
-- the writer that next reads the partition fills in the id that the topic has then.
ALTER TABLE offsets ADD COLUMN topic_id text COLLATE "C" NOT NULL DEFAULT '';
