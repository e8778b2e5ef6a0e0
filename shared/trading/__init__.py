"""Orders, their executions and quotes: `columns`, `values` and `rows` read them, `plain` and `lines` many rows together, `raw` knows their
records, `versions` which of several holds, `quality` and `flags` say what they come to.

Pure; the fetcher, the transformer, the writer and the api use the same.
"""
