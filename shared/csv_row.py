"""One row of a CSV file. Its quoted fields may contain line ends, so it may span several physical lines. Pure.

Invariant: a row whose quotes break RFC 4180 is rejected whole. Read leniently, a quote that was never meant to open a field
makes the physical lines up to the next quote part of that field, and nobody learns that they are missing.
"""

import csv

from shared.errors import Rejected


def fields(line: str) -> list[str]:
    """The fields of a row; raises `Rejected`."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as fault:
        raise Rejected("bad_row", f"{line[:80]!r}… is no row of CSV: {fault}") from None


def located(fault: Rejected, first: int, row: bytes) -> Rejected:
    """The fault, naming the physical lines of a row that spans several; `first` is the one it starts on."""
    span = row.count(b"\n")
    return Rejected(fault.reason, f"lines {first}-{first + span}: {fault.message}") if span else fault
