"""Raw bytes to typed events and live windows.

`runner` moves records between Kafka and a transform and keeps its checkpoints; `transforms/` holds one pure state machine a raw topic;
`clocks` (watermarks), `windows` (open candles), `tallies` (counts) and `checkpoint` are the values it is made of.
"""
