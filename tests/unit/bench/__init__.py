"""The pure parts of the benchmarks: no clock, no server."""
