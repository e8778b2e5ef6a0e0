"""Opens connections to the outside world and files, and publishes what it received, untouched.

`runner` takes runs from pipeline.runs.v1, `ingest` carries one out, `publish` sends its rows; `readers/` turn bytes into rows, one file
kind each, on top of `rows` (splitting) and `headers` (naming columns); `files` and `gunzip` read, `replays` reads dead letters. Several
files as one run: `orders` opens them (`download` and `objects` bring those of the web and of S3),
`timed` reads rows with their times, `merge` puts them in
order. `live/` keeps sources, `snapshots/` takes the prices of some assets now, `responses` reads what they are answered. Pure: readers,
rows, headers, gunzip, timed, merge, protocol.
"""
