-- Quotes by day of their time, as ticks are, so that old days can be dropped at once. A partition is made when its first quote comes.
CREATE TABLE quote_days (
    day       date PRIMARY KEY,
    loaded_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE quotes RENAME TO quotes_before;
ALTER TABLE quotes_before RENAME CONSTRAINT quotes_pkey TO quotes_before_pkey;
CREATE TABLE quotes (LIKE quotes_before, PRIMARY KEY (symbol, event_time, bid, ask)) PARTITION BY RANGE (event_time);

DO $$
DECLARE
    found date;
BEGIN
    FOR found IN SELECT DISTINCT (event_time AT TIME ZONE 'UTC')::date FROM quotes_before LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF quotes FOR VALUES FROM (%L) TO (%L)',
            'quotes_' || to_char(found, 'YYYYMMDD'), found || ' 00:00:00+00', (found + 1) || ' 00:00:00+00'
        );
        INSERT INTO quote_days (day) VALUES (found);
    END LOOP;
END $$;

INSERT INTO quotes SELECT * FROM quotes_before;
DROP TABLE quotes_before;
