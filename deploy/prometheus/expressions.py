"""The names of metrics in PromQL, taken from the metrics themselves."""

from shared.telemetry.exposed import Described
from shared.telemetry.exposed import name as n

__all__ = ["average", "n", "quantile"]


def quantile(q: float, histogram: Described, by: str = "", window: str = "5m", where: str = "") -> str:
    """The quantile of a histogram over a window, by labels."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q:g}, sum by ({labels}) (rate({n(histogram)}_bucket{where}[{window}])))"


def average(histogram: Described, by: str, window: str = "5m") -> str:
    """The average of a histogram's values over a window, by labels."""
    parts = [f"sum by ({by}) (rate({n(histogram)}_{part}[{window}]))" for part in ("sum", "count")]
    return " / ".join(parts)
