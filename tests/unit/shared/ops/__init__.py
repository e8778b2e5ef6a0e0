"""Operational events: bytes, versions, values, times."""
