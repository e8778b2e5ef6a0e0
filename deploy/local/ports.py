"""Free and taken TCP ports of this host.

Invariant: a port is only reported free after a listener could be bound to it.
"""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
_LISTENING = range(20_000, 32_000)  # below those that the system gives to outgoing connections, which would take them meanwhile
_RANDOM = random.SystemRandom()


def is_taken(port: int, host: str = HOST) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            return True
        return False


def free_ports(count: int) -> list[int]:
    """Distinct ports that nothing listens on now; who asks later or elsewhere hardly gets one of them too."""
    found: list[int] = []
    while len(found) < count:
        port = _RANDOM.choice(_LISTENING)
        if port not in found and not is_taken(port, HOST):
            found.append(port)
    return found
