"""Wires the transformer: one runner over the topics of one app, `ticks` (raw topics to events) or `quality` (ticks to flags)."""

import argparse
import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from services.transformer import clocks
from services.transformer.quality import rules as quality_rules
from services.transformer.quality.machine import Quality
from services.transformer.runner import Make, Runner
from services.transformer.transforms import TRANSFORMS
from shared import settings as settings_module
from shared.service import Main, run
from shared.settings import Settings, Transformer
from shared.telemetry.probes import Health
from shared.time import SECOND
from shared.topics import TICKS


def rules(transformer: Transformer) -> clocks.Rules:
    """The settings of time in microseconds."""
    return clocks.Rules(
        out_of_orderness=transformer.out_of_orderness_ms * 1000,
        idle_timeout=transformer.idle_timeout_ms * 1000,
        max_skew=transformer.max_skew_ms * 1000,
        emit_interval=transformer.emit_interval_ms * 1000,
    )


def thresholds(quality: settings_module.Quality) -> quality_rules.Rules:
    """The settings of data quality, seconds in microseconds."""
    return quality_rules.Rules(
        **{name.removesuffix("_seconds"): value * SECOND if name.endswith("_seconds") else value for name, value in quality}
    )


def ticks(settings: Settings) -> Mapping[str, Make]:
    """Raw topics to events and live windows."""
    given, publish = rules(settings.transformer), settings.transformer.publish_ticks
    return {topic: partial(make, rules=given, publish=publish) for topic, make in TRANSFORMS.items()}


def quality(settings: Settings) -> Mapping[str, Make]:
    """Ticks to flags."""
    return {TICKS.name: partial(Quality, rules=thresholds(settings.quality))}


# name: what it makes of its topics, its consumer group
APPS: dict[str, tuple[Callable[[Settings], Mapping[str, Make]], str]] = {"ticks": (ticks, "transformer"), "quality": (quality, "quality")}


def wire(app: str) -> Main:
    """The process's work for one app."""
    makes, group = APPS[app]

    async def main(settings: Settings, health: Health, stop: asyncio.Event) -> None:
        pause = settings.transformer.checkpoint_seconds
        runner = Runner(settings.kafka, makes(settings), health, group=group, checkpoint_seconds=pause)
        health.add("kafka", runner.fault)
        await runner.run(stop)

    return main


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="transformer")
    parser.add_argument("--app", choices=sorted(APPS), default="ticks")
    given = parser.parse_args()
    run(APPS[given.app][1], wire(given.app))
