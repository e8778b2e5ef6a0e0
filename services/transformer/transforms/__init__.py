"""What the records of each raw topic mean, one module a topic; `machine` makes the state machine of a partition out of it."""

from services.transformer.protocol import Make
from services.transformer.transforms import market, ops, trading
from shared.topics import MARKET_RAW, OPS_RAW, TRADING_RAW

TRANSFORMS: dict[str, Make] = {MARKET_RAW.name: market.machine, OPS_RAW.name: ops.machine, TRADING_RAW.name: trading.machine}
