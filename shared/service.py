"""The frame of a service's process: settings, log, event loop, signals, probes, one TaskGroup; SIGTERM and Ctrl-C end it within 10 s."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from shared import collector, tasks
from shared import settings as settings_module
from shared.settings import Settings
from shared.telemetry import follow, logs, probes, process, traces

STOP_SECONDS = 10.0
Main = Callable[[Settings, probes.Health, asyncio.Event], Awaitable[None]]


def run(name: str, main: Main) -> None:
    """Runs `main(settings, health, stop)` until it returns; `stop` is set by SIGTERM and SIGINT. Exits 1 if it raises."""
    settings = settings_module.load()
    logs.configure(name, settings.telemetry.log_level)
    follow.configure(settings.telemetry.follow_every)
    traces.configure(name, settings.telemetry.otlp_endpoint)
    process.describe(name, settings.home)
    collector.relax()
    # The writer decodes in a thread: at the default of 5 ms the loop, which only hands things over, waits a tenth of the time for it.
    sys.setswitchinterval(0.0005)
    try:
        uvloop.run(_serve(name, main, settings))
    except* Exception as faults:  # noqa: BLE001 the process ends here; the group is told whole
        for fault in faults.exceptions:
            logs.log().error("stopped by a fault", error=repr(fault), exc_info=fault)
        sys.exit(1)
    finally:
        traces.close()


async def _serve(name: str, main: Main, settings: Settings) -> None:
    health, stop = probes.Health(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(probes.serve(health, settings.telemetry.host, settings.telemetry.port))
        work = group.create_task(_work(main, settings, health, stop), name=name)
        await asyncio.wait([work], return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()


async def _main(main: Main, settings: Settings, health: probes.Health, stop: asyncio.Event) -> None:
    await main(settings, health, stop)


async def _work(main: Main, settings: Settings, health: probes.Health, stop: asyncio.Event) -> None:
    """`main`, cancelled if it has not returned `STOP_SECONDS` after `stop`."""
    logs.log().info("started")
    task = tasks.start(_main(main, settings, health, stop), expected=(BaseException,))  # raised below, logged in `run`
    stopping = tasks.start(stop.wait())
    await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        await asyncio.wait([task], timeout=STOP_SECONDS)
        if not task.done():
            logs.log().warning("stopped without finishing", seconds=STOP_SECONDS)
            task.cancel()
    stopping.cancel()
    await task
    logs.log().info("stopped")
