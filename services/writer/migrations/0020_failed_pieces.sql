-- Pieces of work that a loop of the writer has set aside: delete a row and the piece is tried again.
CREATE TABLE failed_pieces (
    loop      text        COLLATE "C" NOT NULL,   -- outputs, files, views, relay
    piece     text        COLLATE "C" NOT NULL,   -- a run; topic, partition and position of a record
    reason    text        NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (loop, piece)
);
