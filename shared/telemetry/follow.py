"""Some raw records are followed through every log: those whose offset is a multiple of a setting, so all services choose the same ones.

The fetcher tells `raw`, topic, partition and offset, once the record is acknowledged; what is made of it tells `origin` besides.
"""

_every = 0


def configure(every: int) -> None:
    """Follow each `every`-th offset; 0 follows none."""
    global _every
    _every = every


def followed(first: int, end: int) -> range:
    """The offsets in [first, end) that are followed."""
    return range(-(-first // _every) * _every, end, _every) if _every else range(0)


def is_followed(offset: int) -> bool:
    """Whether this one is."""
    return _every > 0 and offset % _every == 0


def raw(topic: str, partition: int, offset: int) -> str:
    """`market.raw.v1/3/1200`: what the lines of one record have in common."""
    return f"{topic}/{partition}/{offset}"
