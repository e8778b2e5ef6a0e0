-- Whether a run's end was stored with everything that follows from it, and published.
ALTER TABLE runs ADD COLUMN ended boolean NOT NULL DEFAULT false;

UPDATE runs r SET ended = true
WHERE source <> '' AND status IN ('finished', 'failed')
  AND EXISTS (SELECT FROM run_markers m WHERE m.run = r.run_id HAVING count(*) >= max(m.expected));
