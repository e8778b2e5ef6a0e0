"""Runs a command as its child and writes what it used as JSON: `python -I -S meter.py RESULT COMMAND…`.

A small process of its own, because the kernel carries a parent's peak memory over into the child that it starts: what a large process
starts would seem to have needed as much. SIGTERM and SIGINT are handed on to the child. Standard library only.

Invariant: the result is written exactly when the child has ended.
"""

import json
import os
import signal
import sys
from pathlib import Path

HANDED_ON = (signal.SIGTERM, signal.SIGINT)


def main() -> int:
    """The child's exit code, 128 and the number for a signal's."""
    result, *command = sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDED_ON)
    child = os.fork()
    if not child:
        become(command)
    for number in HANDED_ON:
        signal.signal(number, lambda got, _: os.kill(child, got))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDED_ON)
    _, status, used = os.wait4(child, 0)
    for number in HANDED_ON:
        signal.signal(number, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(status)
    found = {"code": code, "cpu_s": used.ru_utime + used.ru_stime, "rss_mib": used.ru_maxrss / 1024}
    Path(result).write_text(json.dumps(found), encoding="utf-8")
    return code if code >= 0 else 128 - code


def become(command: list[str]) -> None:
    """Replaces the child by the command."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDED_ON)
    try:
        os.execvp(command[0], command)  # noqa: S606 the command is the caller's own
    except OSError as fault:
        os.write(2, f"{command[0]}: {fault}\n".encode())
        os._exit(127)


if __name__ == "__main__":
    sys.exit(main())
