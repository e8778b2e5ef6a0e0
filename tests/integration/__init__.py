"""One shell at a time against the real broker, database or object store."""
