"""Runs a plan: parts in parallel, each step as soon as its part is ready, then the services, until told to stop.

Invariant: on return no process of the plan is left, whatever the reason of the return.
"""

from __future__ import annotations

import asyncio
import os
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Callable
from contextlib import suppress

from deploy.local import state
from deploy.local.logs import Log
from deploy.local.part import Part, StartError
from deploy.local.plan import Plan, Step
from deploy.local.unit import Echo, Unit, created, ending, kill_family

Say = Callable[[str], None]
STATE_SECONDS = 1.0


class _StopError(Exception):
    """Ends the task group when the stop is on request."""


class Supervisor:
    """One run of a plan; `say` tells the progress, `echo` gets the output of the processes."""

    def __init__(self, plan: Plan, say: Say, echo: Echo) -> None:
        self._plan = plan
        self._out = say
        self._echo = echo
        self._started = time.time()
        self._created = created(os.getpid()) or 0.0
        self._ready = False
        self._unwritten = ""  # why the state on disk is not the present one
        self._parts = [self._unit(part) for part in plan.parts]
        self._services = [self._unit(service) for service in plan.services]
        self._warming: asyncio.subprocess.Process | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Bring everything up and keep it up until `stop` is set; raises StartError when that is impossible."""
        self._write_state()
        try:
            async with asyncio.TaskGroup() as group:
                for unit in self._parts:
                    group.create_task(unit.keep())
                group.create_task(self._bring_up(group))
                group.create_task(self._keep_state())
                await stop.wait()
                self._say("stopping")
                raise _StopError
        except* _StopError:
            self._ready = False
        except* StartError as errors:
            raise errors.exceptions[0] from None
        finally:
            await self._stop()
            state.remove(self._plan.home)

    async def _bring_up(self, group: asyncio.TaskGroup) -> None:
        for name, where in self._plan.external.items():
            self._say(f"{name:<12} external  {where}")
        await asyncio.gather(*(self._run_step(step) for step in self._plan.steps))
        await asyncio.gather(*(unit.ready.wait() for unit in self._parts))
        for unit in self._services:
            group.create_task(unit.keep())
        await asyncio.gather(*(unit.ready.wait() for unit in self._services))
        self._ready = True
        self._write_state()
        self._say(f"everything is ready after {self._elapsed():.1f} s{self._address()}")
        await self._warm()

    async def _warm(self) -> None:
        """Record missing start-up caches in the background, at the lowest priority."""
        if self._plan.warm:
            command = self._plan.warm
            self._warming = await asyncio.create_subprocess_exec(
                *command.launched(), env=command.env, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
            )
            await self._warming.wait()

    async def _run_step(self, step: Step) -> None:
        for unit in self._parts:
            if unit.name == step.after:
                await unit.ready.wait()
        log = Log(self._plan.home / "logs" / f"{step.name}.log")
        process = await asyncio.create_subprocess_exec(
            *step.command.launched(), env=step.command.env, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True
        )
        output, _ = await process.communicate()
        log.write(output.strip())
        log.close()
        if process.returncode:
            raise StartError(f"{step.name} {ending(process.returncode)}: {output.decode(errors='replace').strip()[-2000:]}")
        self._say(f"{step.name:<12} done      {self._elapsed():5.1f} s")

    async def _stop(self) -> None:
        """Services first: they flush to the parts."""
        if self._warming and self._warming.returncode is None:
            kill_family(self._warming.pid)
            await self._warming.wait()
        await asyncio.gather(*(unit.stop() for unit in self._services))
        await asyncio.gather(*(unit.stop() for unit in self._parts))

    def _unit(self, part: Part) -> Unit:
        return Unit(part, Log(self._plan.home / "logs" / f"{part.name}.log"), self._changed, self._echo)

    def _changed(self, unit: Unit) -> None:
        status = unit.status
        if status.state == "ready":
            self._say(f"{unit.name:<12} ready     {self._elapsed():5.1f} s   port {self._plan.port_of(unit.name)}")
        elif status.state == "restarting":
            self._say(f"{unit.name:<12} {status.reason}")
        self._write_state()

    def _write_state(self) -> None:
        kinds = (("part", self._parts), ("service", self._services))
        entries = [self._entry(kind, unit) for kind, units in kinds for unit in units]
        plan = self._plan
        ours = state.State(os.getpid(), self._created, self._started, self._ready, plan.environment, plan.external, entries)
        try:
            state.write(plan.home, ours)
        except OSError as error:
            if not self._unwritten:
                self._say(f"the state is not written, and will be: {error}")
            self._unwritten = str(error)
        else:
            self._unwritten = ""

    async def _keep_state(self) -> None:
        """Writes the state once the disk takes it again."""
        while True:
            await asyncio.sleep(STATE_SECONDS)
            if self._unwritten:
                self._write_state()

    def _say(self, line: str) -> None:
        """Progress; an output that takes none (a file on a full disk, a closed pipe) is no reason to end."""
        with suppress(OSError):
            self._out(line)

    def _entry(self, kind: str, unit: Unit) -> state.Entry:
        status = unit.status
        port = self._plan.port_of(unit.name)
        return state.Entry(unit.name, kind, status.state, status.reason, status.pid, status.created, port, status.since, status.restarts)

    def _elapsed(self) -> float:
        return time.time() - self._started

    def _address(self) -> str:
        environment = self._plan.environment
        served = any(service.name == "api" for service in self._plan.services)
        return f": http://{environment['API_HOST']}:{environment['API_PORT']}" if served else ""
