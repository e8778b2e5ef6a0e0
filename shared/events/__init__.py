"""The events of every topic: frozen, tagged msgspec structs, JSON on the wire; unknown fields are ignored when read.

`market`, `ops`, `trading` hold what is told of each; `pipeline` what the platform says of its own work; `origin` where a record came from.
Money is `Decimal` (a string in JSON), time is integer microseconds since 1970 UTC. A provider's parser fills what the venue said; the
transformer adds the envelope (`source` to `run`).
"""

from shared.events.market import Bar, Candle, Fact, Flag, FlagName, GivenUp, IndexPrice, Kind, MarketInfo, Quote, Side, Tick, Trade, tick_id
from shared.events.ops import MinuteGivenUp, ServiceEvent, ServiceMinute
from shared.events.origin import NOWHERE, Origin
from shared.events.pipeline import (
    Cancel,
    Closed,
    Connection,
    Count,
    Gap,
    Heartbeat,
    Hole,
    Marker,
    Missing,
    Progress,
    Run,
    RunKind,
    RunStatus,
    Skip,
    SourceState,
    SourceWanted,
    Tally,
)
from shared.events.trading import Action, Execution, Fill, Nbbo, Order, OrderSummary

__all__ = [
    "NOWHERE",
    "Action",
    "Bar",
    "Cancel",
    "Candle",
    "CandleRecord",
    "Closed",
    "Connection",
    "Count",
    "Execution",
    "Fact",
    "Fill",
    "Flag",
    "FlagName",
    "Gap",
    "GivenUp",
    "Heartbeat",
    "Hole",
    "IndexPrice",
    "Kind",
    "Marker",
    "MarketInfo",
    "MinuteGivenUp",
    "MinuteRecord",
    "Missing",
    "Nbbo",
    "Order",
    "OrderSummary",
    "Origin",
    "Progress",
    "Quote",
    "Run",
    "RunKind",
    "RunStatus",
    "ServiceEvent",
    "ServiceMinute",
    "ServiceRecord",
    "Side",
    "Skip",
    "SourceRecord",
    "SourceState",
    "SourceWanted",
    "Tally",
    "Tick",
    "TickRecord",
    "Trade",
    "TradingRecord",
    "tick_id",
]

TickRecord = Trade | Quote | IndexPrice | Bar | MarketInfo | Marker | Tally
CandleRecord = Candle | GivenUp
ServiceRecord = ServiceEvent | Marker | Tally
MinuteRecord = ServiceMinute | MinuteGivenUp
TradingRecord = Order | Execution | Nbbo | Marker | Tally
SourceRecord = SourceState | Hole | SourceWanted
