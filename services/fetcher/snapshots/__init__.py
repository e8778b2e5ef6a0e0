"""Snapshots: the prices of some assets now, from a primary source or else from its fallbacks, as one run.

`breaker` says whether a source may be asked, `plan` what a response gives and what a failure means (both pure); `asking` sends one
request, `snapshot` goes from source to source, `recording` publishes what was received and the run, `port` answers requests, `schedule`
takes one every minute.
"""
