"""Runs a command so that it dies with its parent, as another user where asked.

Usage: python -I -S launch.py PARENT_PID SIGNAL USER|- COMMAND...

Invariant: the command never starts unless its parent still lives. The parent-death signal is asked for after the
change of user (which clears it) and survives exec. Standard library only: this starts in 15 ms.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def die_with(parent: int, signum: int) -> None:
    """Ask the kernel for `signum` when the parent dies; elsewhere than on Linux only `down` cleans up."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent process is gone")


def main() -> None:
    parent, signum, user, *argv = sys.argv[1:]
    if user != "-":
        become(user)
    die_with(int(parent), int(signum))
    os.execvp(argv[0], argv)  # noqa: S606 the command is the caller's own


if __name__ == "__main__":
    main()
