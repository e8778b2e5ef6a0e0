"""Makes events durable, exactly once: `runner` moves batches from Kafka into a sink, `batch` decodes and sorts them out (pure), `sinks/`
hold one store each, `relay` publishes the outbox, `migrate` applies the numbered SQL.
"""
