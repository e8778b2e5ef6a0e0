-- Fills and summaries wait by their ids: their records are made of the rows as they stand when they are published.
ALTER TABLE outbox ADD COLUMN ids text[];

UPDATE outbox SET value = '', ids = ARRAY(
    SELECT substring(line FROM position(E'\t{' IN line) + 1)::jsonb ->> CASE topic WHEN 'trading.fills.v1' THEN 'trade_id' ELSE 'order_id' END
    FROM string_to_table(convert_from(value, 'UTF8'), E'\n') AS line
)
WHERE bundled;

ALTER TABLE outbox DROP COLUMN bundled;
