"""The table of results: what, beside it, must, aim, result, met. Pure."""

from collections.abc import Sequence

import msgspec

from bench.figures import Spread

HEADINGS = ("what", "beside it", "must", "aim", "result", "met")


class Row(msgspec.Struct, frozen=True):
    """One line of the table."""

    what: str
    beside: str
    must: str
    aim: str
    result: str
    met: str


def render(rows: Sequence[Row]) -> str:
    """A Markdown table whose columns are aligned."""
    cells = [HEADINGS, *[tuple(getattr(row, name) for name in Row.__struct_fields__) for row in rows]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def thousands(value: float) -> str:
    """`205 k` for 205,123, `1.45 M` for 1,450,000; three significant digits."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= 0.9995 * size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def shown(found: Spread | None, unit: str = "") -> str:
    """`205 k/s (198 k to 211 k)`, or a dash."""
    if found is None:
        return "—"
    whole = thousands(found.median) + unit
    return whole if found.least == found.greatest else f"{whole} ({thousands(found.least)} to {thousands(found.greatest)})"
