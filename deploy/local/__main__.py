"""`python -m deploy.local [NAME...]`: the supervisor by itself, as `tickplant up --detach` starts it.

Invariant: exits 0 after a stop on request, 1 when the stack could not start, with the reason as its last line.
"""

from __future__ import annotations

import sys

from deploy.local import control
from deploy.local.part import StartError
from deploy.local.settings import load


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    try:
        control.supervise(load(), tuple(sys.argv[1:]), say, lambda *_: None)
    except control.AlreadyRunningError:
        say("the stack is running already")
        return 1
    except StartError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
