"""Orders, their executions and quotes: `columns` and `rows` read them, `raw` knows their records, `quality` says what they come to.

Pure; the fetcher, the transformer, the writer and the api use the same.
"""
