"""Wires the writer: `--sink postgres` stores, with its relay; `--sink s3` archives; `migrate` brings the schema up to date and ends,
`verify` proves that nothing was lost, `maintain` removes what is old.

Each loads only what it runs: the archive chooses its memory before Arrow is there.
"""

import argparse
import asyncio
import sys

from services.writer.memory import give_back
from services.writer.migrate import migrate
from shared import settings as settings_module
from shared.errors import Rejected, Unavailable
from shared.service import Main, run
from shared.settings import Settings
from shared.tasks import until_stopped
from shared.telemetry.probes import Health
from shared.time import from_iso, to_datetime


async def store(settings: Settings, health: Health, stop: asyncio.Event) -> None:
    """Postgres: the sink, the relay of its outbox, the files of its runs."""
    from services.writer.audit import Audit
    from services.writer.endings import Endings
    from services.writer.files import Files
    from services.writer.outputs import Outputs
    from services.writer.relay import Relay
    from services.writer.runner import Runner
    from services.writer.sinks.postgres import PostgresSink
    from services.writer.views import Viewer

    runner = Runner(settings.kafka, PostgresSink(settings), health, group="postgres", batch_records=settings.writer.batch_records)
    health.add("kafka", runner.fault)
    loops = {
        "relay": Relay(settings, health).run,
        "outputs": Outputs(settings, health).run,
        "endings": Endings(settings, health).run,
        "audit": Audit(settings, health).run,
        "files": Files(settings, health).run,
    }
    if settings.s3.bucket:
        loops["views"] = Viewer(settings, health).run
    async with asyncio.TaskGroup() as group:
        group.create_task(runner.run(stop))
        for name, work in loops.items():
            group.create_task(until_stopped(health, name, work, stop))


async def archive(settings: Settings, health: Health, stop: asyncio.Event) -> None:
    """S3: the chain of objects."""
    give_back()
    from services.writer.sinks.s3 import Archiver

    await Archiver(settings, health).run(stop)


MAINS: dict[str, Main] = {"postgres": store, "s3": archive}


def apply() -> int:
    """Migrates; exit code 1 when Postgres does not answer."""
    settings = settings_module.load()
    try:
        applied = asyncio.run(migrate(settings.database.url.get_secret_value(), settings.database.schema_name))
    except Unavailable as fault:
        print(f"migrate: {fault}", file=sys.stderr)
        return 1
    print(f"migrations: {', '.join(applied) or 'none'} applied")
    return 0


def prove(since: str, *, everything: bool) -> int:
    """Verifies; exit code 1 where something does not balance, 2 where it could not be judged."""
    from services.writer.verify import verify

    settings = settings_module.load()
    try:
        verdict = asyncio.run(verify(settings, to_datetime(from_iso(since)) if since else None, everything=everything))
    except (Unavailable, Rejected) as fault:
        print(f"verify: {fault}", file=sys.stderr)
        return 2
    for finding in verdict.findings:
        print(f"{'note' if finding.no_fault else 'FAULT'}  {finding.what}: {finding.said}")
    print(f"{'balanced' if verdict.balanced else 'NOT balanced'}: {verdict.looked_at}")
    return 0 if verdict.balanced else 1


def upkeep() -> int:
    """Maintains; exit code 1 where something is left to look at, 2 where a part did not answer."""
    from services.writer.maintain import maintain

    settings = settings_module.load()
    try:
        if settings.writer.retention_days:
            asyncio.run(_expired(settings))
        if not settings.s3.bucket:
            return 0
        kept = asyncio.run(maintain(settings))
    except Unavailable as fault:
        print(f"maintain: {fault}", file=sys.stderr)
        return 2
    for key in kept.orphans:
        print(f"ORPHAN  {key}")
    print(f"{kept.removed} objects removed by their age, {kept.kept} kept, {len(kept.orphans)} that do not belong there")
    return 1 if kept.orphans else 0


async def _expired(settings: Settings) -> None:
    from services.writer.maintain import expire

    dropped = await expire(settings)
    if dropped is None:
        print("days of ticks and quotes are being dropped by another already")
    else:
        print(f"{dropped.days} days of ticks and quotes dropped, {dropped.rows} rows counted as expired")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="writer")
    parser.add_argument("command", nargs="?", choices=["run", "migrate", "verify", "maintain"], default="run")
    parser.add_argument("--sink", choices=sorted(MAINS), default="postgres")
    parser.add_argument("--since", default="", help="verify: only what is of then or later")
    parser.add_argument("--all", action="store_true", help="verify: every object's bytes, and the log around each")
    given = parser.parse_args()
    if given.command == "migrate":
        sys.exit(apply())
    if given.command == "maintain":
        sys.exit(upkeep())
    if given.command == "verify":
        sys.exit(prove(given.since, everything=given.all))
    run("writer", MAINS[given.sink])
