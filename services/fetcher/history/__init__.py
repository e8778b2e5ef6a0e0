"""The past of a symbol, asked of a provider page by page: runs of the kinds `daily` and `backfill`.

`spans` says what a request asks for (pure), `access` where and with which key, `client` asks within the budget and waits out what passes,
`pages` is the run's input: each answer is a row, and where its successor would go on is in the run's record.
"""
