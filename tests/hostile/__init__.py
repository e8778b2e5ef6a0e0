"""Hostile input for tests: values, mutations of valid payloads, records and requests. The same for properties, system tests and the soak.

Invariant: everything is drawn from the `Random` that is passed in, so a seed repeats it; nothing here does I/O.
"""
