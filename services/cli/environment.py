"""How a command finds the running stack.

Invariant: what the user has set is never changed; the stack only fills what is missing.
"""

from __future__ import annotations


def load_environment() -> None:
    """Fill KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL and the like from the running stack, if one runs in this home.

    Call it first in a command, before `shared.settings` is read.
    """
    from deploy.local import control
    from deploy.local.settings import load, offer

    stack = control.running(load().home.resolve())
    if stack:
        offer(stack.environment)
