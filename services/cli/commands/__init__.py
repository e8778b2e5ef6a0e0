"""The sub-commands: each module has one public function `register(app)` that adds its command or group.

To add one: write the module, add a line to `COMMANDS`. Modules import heavy libraries inside their functions only.
"""

from __future__ import annotations

from collections.abc import Callable

import typer

from services.cli.commands import (
    archive,
    asyncapi,
    backfill,
    cancel,
    dlq,
    down,
    fetch,
    ingest,
    maintain,
    replay,
    report,
    skip,
    status,
    topics,
    trace,
    up,
    verify,
    watch,
)

COMMANDS: tuple[Callable[[typer.Typer], None], ...] = (
    up.register,
    down.register,
    status.register,
    ingest.register,
    fetch.register,
    backfill.register,
    cancel.register,
    dlq.register,
    archive.register,
    replay.register,
    skip.register,
    report.register,
    watch.register,
    verify.register,
    maintain.register,
    topics.register,
    trace.register,
    asyncapi.register,
)
