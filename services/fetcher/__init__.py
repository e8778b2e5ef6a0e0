"""Opens connections to the outside world and files, and publishes what it received, untouched.

`runner` takes runs from pipeline.runs.v1, `ingest` carries one out, `publish` sends its rows; `readers/` turn bytes into rows, one file
kind each, on top of `rows` (splitting) and `headers` (naming columns); `files` and `gunzip` read, `replays` reads dead letters. Pure:
readers, rows, headers, gunzip, protocol.
"""
