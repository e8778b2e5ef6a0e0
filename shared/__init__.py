"""What the services share: the vocabulary, the pure rules, and the edges to Kafka, settings and metrics.

`events topics symbols time errors money identity records runs` are values and pure functions; `providers/` holds one venue a file,
`aggregations/` one aggregate a file; `settings bus telemetry backoff` are the only ways to the environment, Kafka and metrics.
"""
