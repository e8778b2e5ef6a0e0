"""The peers: each a program of its own, run as `python -m bench.peers.NAME BOOTSTRAP TOPIC OUT COUNT GROUP FOLDER`.

job                               the arguments, and the line a program prints when it has read everything
naive, bytewax_flow, quix_app, kstreams/   one-minute candles of flat JSON trades, as each framework's users write them
fetch                             reading alone; `producers` publishing alone
copies, connect                   rows into Postgres
web                               HTTP over Postgres

Invariant: they import nothing of the platform, and run in environments that do not have it.
"""
