"""What a source's settings come to: checked, and which of its channels is watched by its trades' ids. Pure but for the settings' type."""

from typing import NamedTuple

from services.fetcher.live.watch import Watch
from shared.errors import Rejected
from shared.events import Kind
from shared.providers import POLLING, STREAMING, TOGETHER
from shared.settings import Source
from shared.symbols import canonical
from shared.tape import FOLLOW, SPARSE, TAPES, ids_of, kind_of


class Choice(NamedTuple):
    """`keys` of its raw records; `kinds` of which an outage cannot be filled; `base` is where its history is asked, if anywhere."""

    keys: list[str]
    kinds: list[Kind]
    watch: Watch | None
    symbols: dict[str, str]  # by the venue's names
    base: str
    followed: bool


def checked(source: Source) -> Source:
    """The source with canonical symbols; raises `ValueError` saying what its provider does not offer."""
    streams = STREAMING.get(source.provider)
    offered = [*(streams.CHANNELS if streams else ()), *([FOLLOW] if source.provider in TAPES.keys() - SPARSE else ())]
    if set(source.channels) - set(offered):
        raise ValueError(f"provider {source.provider!r} streams {', '.join(offered) or 'none'}, not {', '.join(source.channels)}")
    if FOLLOW in source.channels and len(source.channels) > 1:
        raise ValueError(f"channel {FOLLOW} is a source of its own")
    if not source.channels and source.provider not in POLLING:
        raise ValueError(f"provider {source.provider!r} cannot be polled; these can: {', '.join(POLLING)}")
    if source.name != source.provider and not source.name.startswith(source.provider + "-"):
        raise ValueError(f"a source is named after its provider: {source.provider} or {source.provider}-…, not {source.name}")
    try:
        return source.model_copy(update={"symbols": [canonical(symbol) for symbol in source.symbols]})
    except Rejected as fault:
        raise ValueError(fault.message) from None


def watched(source: Source) -> Choice:
    """How a checked source is to be run."""
    streaming, tape = STREAMING.get(source.provider), TAPES.get(source.provider)
    if not source.channels or streaming is None:
        return Choice([""], ["index"] if not source.channels else ["trade"], None, {}, "", followed=False)
    symbols = {streaming.native(symbol): symbol for symbol in source.symbols}
    followed = source.channels == [FOLLOW]
    channel = None
    if tape is not None:
        channel = tape.CHANNELS[0] if followed else next((name for name in source.channels if name in tape.CHANNELS), None)
    kinds = sorted({kind_of(name) for name in source.channels if name not in (channel, FOLLOW)})
    base = source.rest_url or ("" if source.base_url else tape.REST if tape else "")
    if followed:
        base = source.base_url or base
    watch = None
    if tape is not None and channel is not None:
        ids = ids_of(source.provider, final=not base)  # without history a rejected trade is all there will be of it
        watch = Watch(tape, channel, symbols, ids, sparse=source.provider in SPARSE)
    keys = [""] if source.provider in TOGETHER else list(symbols)
    return Choice(keys, kinds, watch, symbols, base, followed)
