"""The schema versions of an operational event, brought to one form: what each version calls its fields, and what is kept beside them.

A version may add fields; a field's name never changes its meaning or its unit. A version newer than these is read as the newest one, and
what it adds is kept as it came.
"""

from typing import Final, NamedTuple

from shared.ops.payloads import Fields, text

_ALWAYS: Final = frozenset({"event_id", "timestamp", "service", "event_type", "status_code", "user_id", "schema_version"})
VERSIONS: Final = {1: _ALWAYS | {"latency_ms"}, 2: _ALWAYS | {"region", "duration_us"}}
NEWEST: Final = max(VERSIONS)
COLUMNS: Final = tuple(sorted({name for names in VERSIONS.values() for name in names}))
# The field that says how long a request took, and how many of its units are a millisecond.
LATENCY: Final = {1: ("latency_ms", 1), 2: ("duration_us", 1000)}
_MOST_DIGITS = 6


class Read(NamedTuple):
    """An event's fields as one of `VERSIONS` names them. `declared` is what it says of itself, `known` how it was read."""

    declared: int
    known: int
    fields: Fields
    extra: Fields


def read(fields: Fields) -> Read:
    """The fields of the event's version, and the others."""
    given = text(fields, "schema_version") or ""
    declared = int(given) if given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS and int(given) else 1
    known = declared if declared in VERSIONS else NEWEST
    names = VERSIONS[known]
    mine = {name: value for name, value in fields.items() if name in names}
    return Read(declared, known, mine, {name: value for name, value in fields.items() if name not in names})
