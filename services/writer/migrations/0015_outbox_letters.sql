-- The key and the values of the headers of a dead letter are bytes, which JSON holds as base64.
UPDATE outbox SET letter = jsonb_build_object(
    'key', replace(encode(convert_to(letter ->> 'key', 'UTF8'), 'base64'), E'\n', ''),
    'headers', (
        SELECT coalesce(jsonb_agg(jsonb_build_array(h -> 0, replace(encode(convert_to(h ->> 1, 'UTF8'), 'base64'), E'\n', '')) ORDER BY n), '[]')
        FROM jsonb_array_elements(letter -> 'headers') WITH ORDINALITY AS u (h, n)
    )
)
WHERE letter IS NOT NULL;

-- Dead letters of records that no transformer counted: the fetcher's, and the writer's own of what is no fact of a raw topic.
CREATE INDEX dead_letters_uncounted ON dead_letters (received_at, source) WHERE origin NOT LIKE '%.raw.v1/%';
