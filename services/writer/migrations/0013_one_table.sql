-- Commits by itself. Ticks and quotes each move from a partition per day into one table, so that no statement locks a table per day.
--
-- Invariant: the old table is complete and readable until the new one takes its name. A migration that was interrupted begins anew
-- before that moment, and goes on dropping the old partitions after it. Slices keep each transaction below the limit of locks.
DO $$
DECLARE
    slice CONSTANT integer := 20;  -- partitions of one transaction
    name  text;
    parts text[];
BEGIN
    -- Writers hold this lock in common while they store: none stores until the tables have changed places.
    PERFORM pg_advisory_lock(724111, hashtext(current_schema()));

    FOREACH name IN ARRAY ARRAY['ticks', 'quotes'] LOOP
        IF (SELECT relkind FROM pg_class WHERE oid = name::regclass) = 'p' THEN
            EXECUTE format('DROP TABLE IF EXISTS %I', name || '_moved');
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name || '_moved', name);
            COMMIT;

            parts := ARRAY(SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = name::regclass ORDER BY 1);
            FOR n IN 1 .. cardinality(parts) LOOP
                EXECUTE format('INSERT INTO %I SELECT * FROM %s', name || '_moved', parts[n]);
                IF n % slice = 0 THEN
                    COMMIT;
                END IF;
            END LOOP;

            EXECUTE format('ALTER TABLE %I RENAME TO %I', name, name || '_by_day');
            EXECUTE format('ALTER INDEX %I RENAME TO %I', name || '_pkey', name || '_by_day_pkey');
            EXECUTE format('ALTER TABLE %I RENAME TO %I', name || '_moved', name);
            IF name = 'ticks' THEN
                ALTER INDEX ticks_by_time RENAME TO ticks_by_day_by_time;
                ALTER TABLE ticks ADD PRIMARY KEY (day, source, symbol, kind, id);
                CREATE INDEX ticks_by_time ON ticks (symbol, source, kind, event_time, sequence, id);
            ELSE
                ALTER TABLE quotes ADD PRIMARY KEY (symbol, event_time, bid, ask);
            END IF;
            COMMIT;
        END IF;

        parts := ARRAY(SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(name || '_by_day') ORDER BY 1);
        FOR n IN 1 .. cardinality(parts) LOOP
            EXECUTE format('DROP TABLE %s', parts[n]);
            IF n % slice = 0 THEN
                COMMIT;
            END IF;
        END LOOP;
        EXECUTE format('DROP TABLE IF EXISTS %I', name || '_by_day');
        COMMIT;
    END LOOP;

    ANALYZE ticks, quotes;
    PERFORM pg_advisory_unlock(724111, hashtext(current_schema()));
END $$;
