"""Starts the services as processes of a test's own: own topic prefix, own database, own ports; kills what it started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import httpx

from deploy.local.ports import free_ports

COMMANDS = {
    "fetcher": ["-m", "services.fetcher"],
    "transformer": ["-m", "services.transformer"],
    "quality": ["-m", "services.transformer", "--app", "quality"],
    "writer": ["-m", "services.writer", "--sink", "postgres"],
    "archiver": ["-m", "services.writer", "--sink", "s3"],
    "api": ["-m", "services.api"],
    "simulator": ["-m", "deploy.simulator"],
}


class Services:
    """The processes of one test, by name (`writer`, `writer-2`, …); what a name's first word says is what runs."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self._environment = {**os.environ, **environment}
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._files: list[IO[bytes]] = []
        self.ports: dict[str, int] = {}
        self.api_port = free_ports(1)[0]

    def start(self, name: str) -> None:
        """Starts a service; returns at once."""
        self.ports[name] = free_ports(1)[0]
        environment = {"SIMULATOR__PORT": str(self.ports[name]), **self._environment}
        environment |= {"TELEMETRY__PORT": str(self.ports[name]), "API_PORT": str(self.api_port)}
        log = (self._logs / f"{name}.log").open("ab")
        self._files.append(log)
        command = [sys.executable, *COMMANDS[name.split("-")[0]]]
        self._processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def operator(self) -> dict[str, str]:
        """The environment of the operator's command on this stack."""
        return {**self._environment, "API_PORT": str(self.api_port), "TICKPLANT_HOME": str(self._logs / "home")}

    def configure(self, **environment: str) -> None:
        """More environment for what is started from now on."""
        self._environment |= environment

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self, *names: str) -> int:
        """SIGTERM to all at once; the exit code, the worst of several, within the ten seconds a service has."""
        stopped = [self._processes.pop(name) for name in names]
        for process in stopped:
            process.terminate()
        return max((process.wait(timeout=15) for process in stopped), key=abs)

    def pause(self, name: str) -> None:
        """SIGSTOP: it is there and does nothing."""
        self._processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self._processes[name].send_signal(signal.SIGCONT)

    def running(self, name: str) -> bool:
        """Whether the process is there."""
        return name in self._processes and self._processes[name].poll() is None

    def pid(self, name: str) -> int:
        """The process's number."""
        return self._processes[name].pid

    def wait_ready(self, name: str, seconds: float = 30) -> None:
        """Until /readyz says 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{self.ports[name]}/readyz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                if not self.running(name):
                    break
            time.sleep(0.1)
        raise AssertionError(f"{name} is not ready:\n{self.log(name)[-3000:]}")

    def log(self, name: str) -> str:
        """What the service logged."""
        return (self._logs / f"{name}.log").read_text(errors="replace")

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"== {file.name}\n{file.read_text(errors='replace')[-2000:]}" for file in sorted(self._logs.glob("*.log")))

    def close(self) -> None:
        """Kills what still runs."""
        for name in list(self._processes):
            self.kill(name)
        for file in self._files:
            file.close()
