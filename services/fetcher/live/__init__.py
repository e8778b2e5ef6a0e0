"""Live sources: `session` keeps a WebSocket open, `polling` asks in intervals, both into one `lane` a source, which sends, heartbeats and
tells gaps; `sources` starts and stops them at run time.
"""
