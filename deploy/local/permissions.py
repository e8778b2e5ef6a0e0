"""What root must do so that an unprivileged user can run a program and own a directory.

Invariant: only the search bit is added to directories above, and only where it is missing; nothing becomes writable.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from deploy.local.part import StartError

# Exists on every Unix, owns nothing elsewhere, and needs no change to the machine's users.
UNPRIVILEGED = "nobody"


def unprivileged_user() -> str | None:
    """The user to become, or None where this process is unprivileged already."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise StartError(f"Postgres does not run as root and there is no user {UNPRIVILEGED}: run as another user") from error
    return UNPRIVILEGED


def give(path: Path, user: str) -> None:
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)


def open_path(path: Path, user: str) -> None:
    """Let `user` reach `path`: the search bit for others on each directory above that lacks it."""
    path = path.resolve()
    for directory in path.parents:
        status = directory.stat()
        if not status.st_mode & stat.S_IXOTH and status.st_uid != pwd.getpwnam(user).pw_uid:
            directory.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
