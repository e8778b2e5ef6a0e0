"""The SQL of GET /ledger: what came in, by source, run and hour, beside what became of it."""

LEDGER = """
WITH sides AS (
    SELECT source, run, hour, received, 0::bigint AS stored, 0::bigint AS duplicate, 0::bigint AS late,
           0::bigint AS rejected, 0::bigint AS expired, 0::bigint AS mismatch
    FROM tallies WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR run = $2) AND hour >= $3 AND hour < $4
    UNION ALL
    SELECT source, run, date_trunc('hour', received_at), count, 0, 0, 0, 0, 0, 0
    FROM dead_letters WHERE origin NOT LIKE '%.raw.v1/%' AND ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR run = $2)
      AND received_at >= $3 AND received_at < $4
    UNION ALL
    SELECT source, run, hour, 0, stored, duplicate, late, rejected, expired, mismatch
    FROM ledger WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR run = $2) AND hour >= $3 AND hour < $4
)
SELECT source, run, hour, sum(received)::bigint AS received, sum(stored)::bigint AS stored, sum(duplicate)::bigint AS duplicate,
       sum(late)::bigint AS late, sum(rejected)::bigint AS rejected, sum(expired)::bigint AS expired, sum(mismatch)::bigint AS mismatch
FROM sides WHERE (hour, source, run) > ($5, $6, $7) GROUP BY 1, 2, 3 ORDER BY hour, source, run LIMIT $8"""
