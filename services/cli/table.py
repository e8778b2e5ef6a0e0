"""A table as aligned lines, whole whatever the width of the terminal, so that it can be searched and cut.

Invariant: a record is one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def lines(*rows: Sequence[str]) -> Iterator[str]:
    """The rows, columns two blanks apart; what would break a line is escaped."""
    cells = [[cell.replace("\n", "\\n").replace("\r", "\\r") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
