"""Wires the fetcher: one runner over pipeline.runs.v1, the live sources, and snapshots."""

import asyncio

from services.fetcher.live.sources import Sources
from services.fetcher.runner import Runner
from services.fetcher.snapshots.port import Port
from services.fetcher.snapshots.schedule import Desk
from shared.service import run
from shared.settings import Settings
from shared.telemetry.probes import Health


async def main(settings: Settings, health: Health, stop: asyncio.Event) -> None:
    """Runs until `stop`."""
    sources = Sources(settings, health)
    runner = Runner(settings, health, sources.reporter.tell if sources.reporter else None, sources.buckets)

    async def kafka() -> str | None:
        return None if runner.connected and sources.connected else "not connected to Kafka"

    health.add("kafka", kafka)
    desk = Desk(settings, health, sources.bucket, sources.reporter)
    health.routes += [*sources.routes(), *Port(desk, sources, health).routes()]
    async with asyncio.TaskGroup() as group:
        group.create_task(runner.run(stop))
        group.create_task(sources.run(stop))
        group.create_task(desk.run(stop, runner.owns))


if __name__ == "__main__":
    run("fetcher", main)
