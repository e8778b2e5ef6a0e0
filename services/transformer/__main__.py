"""Wires the transformer: one runner over the raw topics that have a transform."""

import asyncio
from functools import partial

from services.transformer.clocks import Rules
from services.transformer.runner import Runner
from services.transformer.transforms import TRANSFORMS
from shared.service import run
from shared.settings import Settings, Transformer
from shared.telemetry.probes import Health


def rules(transformer: Transformer) -> Rules:
    """The settings of time in microseconds."""
    return Rules(
        out_of_orderness=transformer.out_of_orderness_ms * 1000,
        idle_timeout=transformer.idle_timeout_ms * 1000,
        max_skew=transformer.max_skew_ms * 1000,
        emit_interval=transformer.emit_interval_ms * 1000,
    )


async def main(settings: Settings, health: Health, stop: asyncio.Event) -> None:
    """Runs until `stop`."""
    given, publish = rules(settings.transformer), settings.transformer.publish_ticks
    makes = {topic: partial(make, rules=given, publish=publish) for topic, make in TRANSFORMS.items()}
    runner = Runner(settings.kafka, makes, health, group="transformer", checkpoint_seconds=settings.transformer.checkpoint_seconds)

    async def kafka() -> str | None:
        return None if runner.connected else "not connected to Kafka"

    health.add("kafka", kafka)
    await runner.run(stop)


if __name__ == "__main__":
    run("transformer", main)
