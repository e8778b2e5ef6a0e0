"""`python -m deploy.simulator`: serves until SIGTERM or Ctrl-C.

Invariant: exits 0 after a stop on request, 1 when it could not start, with the reason as its last line.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import uvloop

from deploy.simulator.server import StartError, running
from deploy.simulator.settings import SimulatorSettings, load
from shared import tasks


async def _serve(settings: SimulatorSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as simulator:
        markets = len(simulator.exchange.select())
        print(f"simulator ready: {markets} markets at {simulator.http}, seed {settings.seed}", flush=True)
        stopping = tasks.start(stop.wait())
        await asyncio.wait([stopping, simulator.trading], return_when=asyncio.FIRST_COMPLETED)
        if simulator.trading.done():
            simulator.trading.result()
    print("simulator stopped", flush=True)


def main() -> int:
    # The log's ring and the histories live long: looking through them often costs a quarter of the speed and finds nothing.
    gc.set_threshold(100_000, 50, 100)
    try:
        uvloop.run(_serve(load()))
    except StartError as error:
        print(error, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
