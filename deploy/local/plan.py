"""What to run, worked out from the settings: parts, steps and services, and the environment that joins them.

Invariant: pure; a plan touches no file, process or socket, save the secrets that the parts keep in their homes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local import venues
from deploy.local.java import Java
from deploy.local.kafka import Kafka
from deploy.local.part import Command, Part, StartError
from deploy.local.ports import HOST
from deploy.local.postgres import Postgres
from deploy.local.s3 import S3
from deploy.local.service import Service
from deploy.local.settings import LocalSettings, setting_of

# name, arguments of python -m, the field of the settings that holds the port of its probes
SERVICES = (
    ("fetcher", ("services.fetcher",), "fetcher_port"),
    ("transformer", ("services.transformer",), "transformer_port"),
    ("quality", ("services.transformer", "--app", "quality"), "quality_port"),
    ("writer", ("services.writer", "--sink", "postgres"), "writer_port"),
    ("archiver", ("services.writer", "--sink", "s3"), "archiver_port"),
    ("api", ("services.api",), "api_telemetry_port"),
    ("simulator", ("deploy.simulator",), "simulator_port"),
)
# name, arguments of python -m, the part it waits for
STEPS = (
    ("topics", ("shared.topics", "create"), "kafka"),
    ("migrate", ("services.writer", "migrate"), "postgres"),
)
# The operator who starts the stack could read these files, and the archive's bucket, anyway: the fetcher is a process of the same user.
OPERATORS_OWN = {"FETCHER__ALLOWED_FOLDERS": "/"}

# Whoever tries the stack wants to see the archive grow; requests cost nothing here.
SOON = {"S3__OBJECT_SECONDS": "30"}


@dataclass(frozen=True)
class Port:
    """A port the plan will listen on, and the variable that changes it."""

    owner: str
    host: str
    number: int
    setting: str


@dataclass(frozen=True)
class Step:
    """A command that must succeed once before the services start; `after` names the part it needs."""

    name: str
    command: Command
    after: str


@dataclass(frozen=True)
class Plan:
    """`external` maps the parts that are not started here to where they are; `warm` is run once everything is ready."""

    home: Path
    parts: tuple[Part, ...]
    services: tuple[Service, ...]
    steps: tuple[Step, ...]
    ports: tuple[Port, ...]
    external: dict[str, str]
    environment: dict[str, str]
    warm: Command | None

    def port_of(self, name: str) -> int | None:
        return next((port.number for port in self.ports if port.owner == name), None)


def make_plan(
    settings: LocalSettings, inherited: dict[str, str], only: tuple[str, ...], progress: Callable[[str], None], *, simulated: bool = False
) -> Plan:
    """The plan for these settings, restricted to what `only` names; `simulated`: with the simulated exchange as source."""
    names = ("kafka", "postgres", "s3", *(name for name, _, _ in SERVICES))
    if unknown := set(only) - set(names):
        raise StartError(f"there is no {', '.join(sorted(unknown))}: choose among {', '.join(names)}")
    wanted = only or tuple(name for name in names if name != "simulator" or simulated)
    external = _external(settings)
    parts = tuple(part for part in _parts(settings, progress) if part.name in wanted and part.name not in external)
    environment = _environment(settings, parts)
    if simulated and "POLYGON__BASE_URL" not in inherited:
        environment |= venues.stocks(settings.simulator_port)
    defaults = {
        **OPERATORS_OWN,
        **({"FETCHER__ALLOWED_BUCKETS": bucket} if (bucket := environment.get("S3__BUCKET")) else {}),
        **SOON,
        "SIMULATOR__FIRST_ID": "clock",
        "SIMULATOR__LIMITS": f"polygon={venues.STOCK_REQUESTS}",
        "FETCHER__SOURCES": venues.sources(settings.simulator_port if simulated else None),
        **({"SNAPSHOTS__SOURCES": venues.snapshots(settings.simulator_port)} if simulated else {}),
    }
    services = _services(settings, {**defaults, **inherited, **environment}, wanted)
    present = {*external, *(part.name for part in parts)}
    steps = _steps({**inherited, **environment}, present) if services else ()
    ports = tuple(port for port in _ports(settings) if port.owner in {p.name for p in (*parts, *services)})
    warm = Command((sys.executable, "-m", "deploy.local.warm"), env={**inherited, **environment}) if parts else None
    return Plan(settings.home.resolve(), parts, services, steps, ports, external, environment, warm)


def _parts(settings: LocalSettings, progress: Callable[[str], None]) -> tuple[Part, ...]:
    home = settings.home.resolve()
    java = Java(settings.maven_repository, settings.cache, progress)
    return (
        Kafka(home / "kafka", settings.kafka_port, settings.kafka_controller_port, java),
        Postgres(home / "postgres", settings.postgres_port),
        S3(home / "s3", settings.s3_port, java),
    )


def _external(settings: LocalSettings) -> dict[str, str]:
    found = {
        "kafka": settings.kafka_bootstrap_servers,
        "postgres": "DATABASE_URL" if settings.database_url else None,
        "s3": (settings.s3_endpoint or "AWS") if settings.s3_is_external else None,
    }
    return {name: where for name, where in found.items() if where}


def _environment(settings: LocalSettings, parts: tuple[Part, ...]) -> dict[str, str]:
    given = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "DATABASE_URL": settings.database_url,
        "AWS_ENDPOINT_URL_S3": settings.s3_endpoint,
        "S3__BUCKET": settings.s3_bucket,
    }
    environment = {name: value for name, value in given.items() if value}
    for part in parts:
        environment.update(part.environment())
    own = {"SIMULATOR__PORT": str(settings.simulator_port)}
    own |= {"FETCHER__URL": f"http://{HOST}:{settings.fetcher_port}"}
    own |= {"API_HOST": settings.api_host, "API_PORT": str(settings.api_port), "TICKPLANT_HOME": str(settings.home.resolve())}
    return {**environment, **own}


def _services(settings: LocalSettings, variables: dict[str, str], wanted: tuple[str, ...]) -> tuple[Service, ...]:
    return tuple(Service(name, arguments, getattr(settings, field), variables) for name, arguments, field in SERVICES if name in wanted)


def _steps(variables: dict[str, str], present: set[str]) -> tuple[Step, ...]:
    return tuple(
        Step(name, Command((sys.executable, "-m", *arguments), env=variables), after)
        for name, arguments, after in STEPS
        if after in present
    )


def _ports(settings: LocalSettings) -> tuple[Port, ...]:
    fields = [("kafka", "kafka_port"), ("kafka", "kafka_controller_port"), ("postgres", "postgres_port"), ("s3", "s3_port")]
    fields += [(name, field) for name, _, field in SERVICES]
    local = [Port(owner, HOST, getattr(settings, field), setting_of(field)) for owner, field in fields]
    return (*local, Port("api", settings.api_host, settings.api_port, setting_of("api_port")))
