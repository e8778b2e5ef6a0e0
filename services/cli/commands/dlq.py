"""`tickplant dlq list|show|replay`: the rejected records, why they were rejected, and their way back.

Invariant: nothing here removes or changes a dead letter; a replay is a run of its own, carried out by the fetcher.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import letters, runs, table, terminal

if TYPE_CHECKING:
    from shared.dead_letters import DeadLetter
    from shared.settings import Settings

PLACE = re.compile(r"(\d+):(\d+)")
Reason = Annotated[str, typer.Option(help="Only those rejected for this reason, like bad_price.")]
OfRun = Annotated[str, typer.Option("--run", help="Only those of this run.")]


def register(app: typer.Typer) -> None:
    """Adds the group `dlq`."""
    group = typer.Typer(help="Rejected records.", no_args_is_help=True)
    group.command("list")(list_)
    group.command()(show)
    group.command()(replay)
    app.add_typer(group, name="dlq")


def list_(
    reason: Reason = "",
    run: OfRun = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 100,
) -> None:
    """List dead letters, the newest last."""
    found = _found(runs.settings(), reason, run)
    newest = sorted(found, key=lambda letter: (letter.received_at, letter.record.partition, letter.record.offset))[-limit:]
    for line in table.lines(letters.COLUMNS, *map(letters.cells, newest)):
        terminal.say(line)
    terminal.say(f"{len(found)} dead letters" + (f", the newest {limit} shown" if len(found) > limit else ""))


def show(
    which: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET|ORIGIN", help="Its place in the list, or its origin.")],
    raw: Annotated[bool, typer.Option("--raw", help="Write nothing but the record's own bytes.")] = False,
) -> None:
    """Show one dead letter: why it was rejected, its headers, and the bytes as they came."""
    found = runs.settings()
    place = PLACE.fullmatch(which)
    places = [(int(place[1]), int(place[2]))] if place else None
    matching = [letter for letter in _read(found, places) if place or letter.origin == which]
    if not matching:
        raise terminal.fail(f"there is no dead letter {which}")
    letter = matching[0]
    if raw:
        sys.stdout.buffer.write(letter.record.value or b"")
        return
    for name, said in letters.describe(letter):
        terminal.say(f"{name + ':':<12} {said}")
    terminal.say("")
    terminal.say(letters.readable(letter.record.value or b""))


def replay(
    places: Annotated[list[str] | None, typer.Argument(metavar="[PARTITION:OFFSET]...", help="Only these; all by default.")] = None,
    reason: Reason = "",
    run: OfRun = "",
    wait: Annotated[bool, typer.Option("--wait", help="Show progress, then the ledger of each run.")] = False,
) -> None:
    """Send dead letters through once more, as rows of a new run; what is stored already is counted as a duplicate."""
    found = runs.settings()
    chosen = [_place(given) for given in places or []]
    plan = letters.plan(_found(found, reason, run, chosen or None), chosen, reason or None, run or None)
    if not plan.requests:
        raise terminal.fail("no dead letter to replay" + _lost(plan.refused))
    terminal.say(f"{plan.count} dead letters to replay{_lost(plan.refused)}")
    requested = [runs.new(request.rows, "replay", plan.source, request) for request in plan.requests]
    runs.publish(found, requested)
    # Every run is waited for, also behind one that failed.
    if wait and not all([runs.wait(found, run.run_id) for run in requested]):  # noqa: C419
        raise typer.Exit(1)


def _lost(count: int) -> str:
    return f" ({count} cannot be: too large to be kept, or no data)" if count else ""


def _place(given: str) -> tuple[int, int]:
    match = PLACE.fullmatch(given)
    if match is None:
        raise terminal.fail(f"{given!r} is no place: PARTITION:OFFSET, as `tickplant dlq list` shows it")
    return int(match[1]), int(match[2])


def _found(found: Settings, reason: str, run: str, places: Sequence[tuple[int, int]] | None = None) -> list[DeadLetter]:
    return [letter for letter in _read(found, places) if letter.matches(reason or None, run or None)]


def _read(found: Settings, places: Sequence[tuple[int, int]] | None = None) -> Iterable[DeadLetter]:
    """All dead letters, or those at the places."""
    from shared.errors import Unavailable

    try:
        return asyncio.run(letters.read(found, places))
    except Unavailable as fault:
        raise runs.unreachable(found, fault) from None
