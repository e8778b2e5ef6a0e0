"""Raw bytes to typed events and live windows.

`runner` moves records between Kafka and a transform and keeps its checkpoints; `machine` is the pure state machine of one raw partition,
`transforms/` says what each raw topic's records mean; `clocks` (watermarks), `windows` (open aggregates), `tallies` (counts) and
`checkpoint` are the values it is made of.
"""
