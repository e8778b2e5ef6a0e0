"""Operational events, from bytes to `ServiceEvent`. Pure.

`raw` reads a record of ops.raw.v1, `payloads` its bytes, `versions` brings every schema version to one form, `cleaning` applies the rules
of the values, `times` knows the timestamp formats. The same functions serve the transformer and the layers that the command writes.
"""
