"""The benchmarks: each service measured beside its peers, in turn, in one run on one machine.

__main__            chooses measurements, prints the table, writes it as JSON
session             what a run has: options, Kafka, Postgres, folders; `stack` starts them
market, reference   the input, seeded, and what must come of it, computed with none of the platform's code: pure
figures, goals, table   medians, ratios, goals and how they are shown: pure
process, meter      a command run and measured; `services` runs the platform's own; `sampling` makes samples of runs
topics, feed, databases, candle_store, sources   what is put in and read back
load, pressure, visibility   requests sent, and what they tell
venvs, jars         what the peers are made of, in a cache of their own
contestants, connect   how the peers are run and checked
measurements/       one measurement a file, listed in `MEASUREMENTS`
peers/              one peer a file: programs that import nothing of the platform

Invariant: a figure counts only if its output was compared with the reference and is right.
"""
