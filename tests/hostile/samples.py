"""Valid payloads of every raw topic and valid events of every derived one: what the mutations begin with."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from shared.events import (
    Bar,
    Candle,
    Count,
    Execution,
    Flag,
    Gap,
    GivenUp,
    Hole,
    IndexPrice,
    Marker,
    MarketInfo,
    MinuteGivenUp,
    Missing,
    Nbbo,
    Order,
    Origin,
    Progress,
    Quote,
    Run,
    ServiceEvent,
    ServiceMinute,
    SourceState,
    SourceWanted,
    Tally,
    Trade,
)
from shared.time import MINUTE, SECOND
from shared.topics import (
    CANDLES,
    FLAGS,
    MARKET_RAW,
    MINUTES,
    OPS_EVENTS,
    OPS_RAW,
    RUNS,
    SOURCES,
    TICKS,
    TRADING_EVENTS,
    TRADING_RAW,
    Topic,
)
from shared.trading.columns import COLUMNS, OPTIONAL, canonical

encode = msgspec.json.Encoder(decimal_format="string").encode
AT = 1_767_623_400_000_000  # 2026-01-05T14:30:00Z, us, the start of a minute
MS = AT // 1000

# Source and venue's symbol of the key; the payload.
MARKET: tuple[tuple[bytes, bytes], ...] = (
    (b"binance|BTCUSDT", b'{"e":"trade","E":%d,"s":"BTCUSDT","t":12345,"p":"39432.48","q":"0.25","T":%d,"m":true,"M":true}' % (MS, MS)),
    (b"binance-agg|ETHUSDT", b'{"stream":"ethusdt@aggTrade","data":{"e":"aggTrade","E":%d,"s":"ETHUSDT","a":15683430,"p":"3528.1",'
     b'"q":"58.5","f":19862790,"l":19862795,"T":%d,"m":false,"M":true}}' % (MS, MS)),
    (b"binance|BNBUSDT", b'{"u":400900217,"s":"BNBUSDT","b":"25.3519","B":"31.21","a":"25.3652","A":"40.66"}'),
    (b"binance", b'[{"symbol":"LTCBTC","price":"4.00000200"},{"symbol":"BTCUSDT","price":"39432.1"}]'),
    (b"coinbase|BTC-USD", (b'{"type":"match","trade_id":10,"side":"sell","size":"5.23512","price":"400.23","product_id":"BTC-USD",'
     b'"sequence":50,"time":"2026-01-05T14:30:01.028459Z"}')),
    (b"coinbase|BAND-GBP", (b'{"type":"ticker","sequence":333938798,"product_id":"BAND-GBP","price":"14.7775","best_bid":"14.7550",'
     b'"best_ask":"14.8060","side":"buy","time":"2026-01-05T14:30:01.244075Z","trade_id":881613,"last_size":"0.04"}')),
    (b"coinbase", b'{"data":{"currency":"BTC","rates":{"USD":"67187.33","EUR":"61950.1"}}}'),
    (b"kraken|MATIC/USD", (b'{"channel":"trade","type":"update","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40.0,'
     b'"ord_type":"market","trade_id":4665906,"timestamp":"2026-01-05T14:30:01.708706Z"}]}')),
    (b"kraken|ALGO/USD", (b'{"channel":"ticker","type":"update","data":[{"symbol":"ALGO/USD","bid":0.10025,"bid_qty":740.0,"ask":0.10035,'
     b'"ask_qty":740.0,"last":0.10035,"volume":997038.98,"timestamp":"2026-01-05T14:30:01.708706Z"}]}')),
    (b"coingecko", b'{"bitcoin":{"usd":67187.33,"last_updated_at":%d},"ethereum":{"usd":3509.12,"last_updated_at":%d}}'
     % (MS // 1000, MS // 1000)),
    (b"coingecko-markets", (b'[{"id":"bitcoin","symbol":"btc","name":"Bitcoin","current_price":70187,"market_cap":1381651251183,'
     b'"market_cap_rank":1,"total_volume":20154184933,"price_change_percentage_24h":3.12502,'
     b'"price_change_percentage_1h_in_currency":0.15,"last_updated":"2026-01-05T14:29:31.736Z"}]')),
    (b"coincap", b'{"data":[{"id":"bitcoin","rank":"1","symbol":"BTC","name":"Bitcoin","marketCapUsd":"1904557171625.09",'
     b'"volumeUsd24Hr":"12724040223.14","priceUsd":"96243.895764450488","changePercent24Hr":"0.97"}],"timestamp":%d}' % MS),
    (b"coinpaprika", (b'[{"id":"btc-bitcoin","name":"Bitcoin","symbol":"BTC","rank":1,"last_updated":"2026-01-05T14:29:48Z",'
     b'"quotes":{"USD":{"price":107077.69,"volume_24h":23175936198.9,"market_cap":2129051326372,"percent_change_1h":0.31}}}]')),
    (b"polygon|AAPL", b'{"ticker":"AAPL","queryCount":1,"resultsCount":1,"adjusted":true,"status":"OK","results":[{"v":1200,"vw":131.2,'
     b'"o":131,"c":131.4,"h":132,"l":130.5,"t":%d,"n":17}]}' % MS),
    (b"polygon-daily|AAPL", (b'{"ticker":"AAPL","adjusted":true,"status":"OK","results":[{"v":7.0790813e+07,"vw":131.6292,"o":130.465,'
     b'"c":130.15,"h":133.41,"l":129.89,"t":1767589200000,"n":645365}]}')),
    (b"polygon-stream", b'[{"ev":"AM","sym":"GTE","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,"h":0.4489,'
     b'"l":0.4486,"a":0.4352,"z":685,"s":%d,"e":%d}]' % (MS - 60_000, MS)),
    (b"polygon-stream", b'[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0,12],"t":%d,"q":3681328},'
     b'{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"t":%d,"q":50385480,"z":3}]' % (MS, MS)),
    (b"push|BTC-USD", b'{"symbol":"BTC-USD","time":"2026-01-05T14:30:00.278Z","price":39432.48,"size":"0.000263","side":"buy","id":"t1"}'),
    (b"push-desk|AAPL", (b'{"source":"push-desk","symbol":"AAPL","time":"2026-01-05T14:29:00Z","open":131,"high":132,"low":130.5,'
     b'"close":131.4,"volume":1200}')),
    (b"push|ETH-USD", b'{"symbol":"ETH-USD","time":%d,"bid":39432.47,"ask":39432.48,"bid_size":1.5}' % MS),
)  # fmt: skip
CHECKPOINT = (
    b'{"epoch":5,"next_offset":7,"replay_from":6,"log_time":5,"clocks":{"binance":{"max_event":1}},"counts":[["binance","",0,1,0,0]]}'
)
SKIP = b'{"type":"skip","topic":"market.raw.v1","partition":3,"offset":1000000000000,"at":1767623400000000,"why":"w"}'
PRICES = (
    b"trade_id,price,quantity,time,is_buyer_maker,symbol=BTC-USDT,zone=UTC\n553287559,39432.48,0.000263,%d,true" % MS,
    b"time,bid,ask,symbol,zone=America/New_York\n2026-01-05 09:30:00,1.5,2.5,BTC-USD",
    b"timestamp,price,symbol=KO,zone=UTC\n2026-01-05T14:30:00Z,61.5",
)
# Pages of past trades: the key names the venue and the symbol.
PAGES: tuple[tuple[bytes, bytes], ...] = (
    (b"binance|BTCUSDT", b'[{"id":28457,"price":"4.1","qty":"12.0","time":%d,"isBuyerMaker":true}]' % MS),
    (b"coinbase|BTC-USD", b'[{"time":"2026-01-05T14:30:01.578544Z","trade_id":74,"price":"10.0","size":"0.01","side":"buy"}]'),
    (b"kraken|XBT/USD", b'{"error":[],"result":{"XXBTZUSD":[["30243.4","0.3450",%d.827,"b","m","",61044952]],"last":"1688671969993150842"}}'
     % (MS // 1000)),
)  # fmt: skip
EVENTS = (
    (
        b'{"event_id":"e1","service":"checkout","event_type":"request","timestamp":"2026-01-05T14:30:00Z","latency_ms":12.5,"status_code":200,'
        b'"user_id":"u1","region":"eu","schema_version":1}'
    ),
    b'{"event_id":"e2","service":"search","event_type":"error","timestamp":%d,"latency_ms":"7","status_code":"503","schema_version":2,'
    b'"trace":{"id":"a"}}' % MS,
    b"event_id,service,event_type,timestamp,latency_ms,status_code,user_id\ne3,checkout,request,2026-01-05 14:30:00,5,200,u2",
)
_CELLS = {
    "order_id": b"O1", "trade_id": b"T1", "symbol": b"AAPL", "side": b"buy", "quantity": b"10", "limit_price": b"1.5",
    "timestamp": b"2026-01-05T14:30:00.000000Z", "exec_quantity": b"5", "exec_price": b"1.5",
    "exec_timestamp": b"2026-01-05T14:30:01.000000Z",
    "destination": b"XNAS", "bid": b"1.49", "ask": b"1.51", "action": b"new", "action_timestamp": b"",
}  # fmt: skip
TRADING = tuple(
    canonical(file, names, "UTC").encode() + b"\n" + b",".join(_CELLS[name] for name in names)
    for file, columns in COLUMNS.items()
    for names in (columns, (*columns, *OPTIONAL) if file != "nbbo" else columns)
)
RAW: Mapping[str, Topic] = {topic.name: topic for topic in (MARKET_RAW, TRADING_RAW, OPS_RAW)}

_ORIGIN = Origin(1, 3, 17, 0)
_LIVE = {"source": "binance", "received_at": AT, "origin": _ORIGIN}
_D = Decimal
_CANDLE = Candle(
    "binance", "BTC-USD", "trade", MINUTE, AT, _D(1), _D(2), _D(1), _D(2), _D(3), _D(4), _D(3), _D(0), 2, 2, 0,
    (AT, 1, "1"), (AT + 5, 2, "2"), is_closed=True, last_origin=_ORIGIN,
)  # fmt: skip
DERIVED: Mapping[Topic, tuple[msgspec.Struct, ...]] = {
    TICKS: (
        Trade("BTC-USD", "BTCUSDT", AT, _D("39432.48"), _D("0.25"), "buy", "12345", 12345, **_LIVE),  # type: ignore[arg-type]
        Quote("BTC-USD", "BTCUSDT", AT, _D("1.5"), _D("1.6"), _D(3), _D(4), "q1", 5, **_LIVE),  # type: ignore[arg-type]
        IndexPrice("BTC-USD", "bitcoin", AT, _D("1.5"), "i1", run="prices-1", **_LIVE),  # type: ignore[arg-type]
        Bar("AAPL", "AAPL", AT, MINUTE, _D(1), _D(2), _D(1), _D(2), _D(5), _D("1.5"), 3, bar_id="60s@x", sequence=AT, **_LIVE),  # type: ignore[arg-type]
        MarketInfo("BTC-USD", "bitcoin", AT, "Bitcoin", 1, _D(10), _D(20), _D(1), _D(2), _D(3), "m1", **_LIVE),  # type: ignore[arg-type]
        Marker("prices-1", MARKET_RAW.name, [0, 3], "finished", "binance", 5, "", _ORIGIN),
        Tally(MARKET_RAW.name, 3, 1, 0, 20, [Count("binance", "", AT, 5, 1, 2)]),
    ),
    CANDLES: (_CANDLE, GivenUp("binance", "BTC-USD", "trade", MINUTE, AT, _ORIGIN)),
    FLAGS: (Flag("binance", "BTC-USD", "trade", "spike", AT, AT, 3, _D(1), _D(2), _ORIGIN, _ORIGIN, AT + SECOND),),
    OPS_EVENTS: (
        ServiceEvent(
            "e1", "checkout", "request", AT, "2026-01-05T14:30:00Z", _D("12.5"), 200, "u1", "eu", 2,
            {"trace": msgspec.Raw(b'{"id":"a"}')}, ("region",), AT, _ORIGIN,
        ),
    ),
    MINUTES: (
        ServiceMinute("checkout", AT, 3, 2, _D("30.5"), 3, 1, 0, ((5, 1), (9, 1)), is_closed=True, last_origin=_ORIGIN),
        MinuteGivenUp("checkout", AT, _ORIGIN),
    ),
    TRADING_EVENTS: (
        Order("O1", "AAPL", "buy", _D(10), _D("1.5"), AT, "XNAS", "correct", AT, AT, _ORIGIN, "orders-1"),
        Execution("T1", "O1", "AAPL", "buy", _D(5), _D("1.5"), AT, "XNAS", "new", AT, AT, _ORIGIN),
        Nbbo("AAPL", _D("1.49"), _D("1.51"), AT, AT, _ORIGIN),
    ),
    RUNS: (
        Run("prices-20260105T143000-000001", "prices", "running", "binance", AT, AT, {"path": "/no/such/file"}, 5, 10, 20, 1, "m",
            {"rows": 5}, {"at": 3}),
        Run("daily-20260105T143000-000002", "daily", "requested", "polygon", AT, AT, {"tickers": ["AAPL"], "start": "2026-01-05",
            "end": "2026-01-06"}),
        Run("orders-20260105T143000-000003", "orders", "failed", "orders", AT, AT, message="the file changed"),
    ),
    SOURCES: (
        SourceState(
            "other", "binance", 5, "disconnected", AT, 10, 9, 2, "1008 policy", Gap(AT, AT + 5, "r"), AT,
            {"BTCUSDT": Progress(5, AT, (Missing(2, 3, AT, AT, AT, "r", ((2, 3),), AT),))},
        ),
        Hole("other", "BTC-USD", "trade", AT, AT + 5, "lost", "r", AT, 5, 6, AT, 1, "kraken error"),
        SourceWanted("other", AT, None),
    ),
}  # fmt: skip
