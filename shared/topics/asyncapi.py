"""The AsyncAPI 3.0 document of the platform, generated from the table of topics and the event types. Pure.

Whatever the table holds is a channel; a topic whose type nobody wrote yet is described by its words alone.
"""

from typing import Any

import msgspec

from shared import events
from shared.topics import (
    CANDLES,
    CHECKPOINTS,
    DEAD_LETTERS,
    FILLS,
    FLAGS,
    MARKET_RAW,
    MINUTES,
    OPS_EVENTS,
    OPS_RAW,
    RUNS,
    SKIPS,
    SOURCES,
    SUMMARIES,
    TICKS,
    TOPICS,
    TRADING_EVENTS,
    TRADING_RAW,
    Topic,
)

_REF = "#/components/schemas/{name}"
_EVENTS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    MARKET_RAW.name: (events.Heartbeat, events.Closed, events.Connection, events.Marker),
    TICKS.name: (events.Trade, events.Quote, events.IndexPrice, events.Bar, events.MarketInfo, events.Marker, events.Tally),
    CANDLES.name: (events.Candle, events.GivenUp),
    FLAGS.name: (events.Flag,),
    OPS_RAW.name: (events.Heartbeat, events.Marker),
    OPS_EVENTS.name: (events.ServiceEvent, events.Marker, events.Tally),
    MINUTES.name: (events.ServiceMinute, events.MinuteGivenUp),
    TRADING_RAW.name: (events.Marker,),
    TRADING_EVENTS.name: (events.Order, events.Execution, events.Nbbo, events.Marker, events.Tally),
    FILLS.name: (events.Fill,),
    SUMMARIES.name: (events.OrderSummary,),
    RUNS.name: (events.Run, events.Cancel),
    SKIPS.name: (events.Skip,),
    SOURCES.name: (events.SourceState, events.Hole, events.SourceWanted),
    DEAD_LETTERS.name: (events.Marker,),
}
_BYTES = {MARKET_RAW.name: "RawRecord", TRADING_RAW.name: "TradingRow", OPS_RAW.name: "RawEvent", DEAD_LETTERS.name: "DeadLetter"}
_SENDS: dict[str, tuple[Topic, ...]] = {
    "fetcher": (MARKET_RAW, TRADING_RAW, OPS_RAW, DEAD_LETTERS, RUNS, SOURCES),
    "transformer": (TICKS, CANDLES, FLAGS, TRADING_EVENTS, OPS_EVENTS, MINUTES, DEAD_LETTERS, CHECKPOINTS),
    "writer": (CANDLES, FILLS, SUMMARIES, MINUTES, RUNS),
    "api": (MARKET_RAW, OPS_RAW, TRADING_RAW, RUNS),
    "tickplant": (RUNS, SKIPS),
}
_RECEIVES: dict[str, tuple[Topic, ...]] = {
    "fetcher": (RUNS, SOURCES, DEAD_LETTERS),
    "transformer": (MARKET_RAW, TRADING_RAW, OPS_RAW, TICKS, SKIPS, CHECKPOINTS),
    "writer": (TICKS, CANDLES, FLAGS, TRADING_EVENTS, OPS_EVENTS, MINUTES, DEAD_LETTERS, RUNS, SOURCES),
    "api": (CANDLES, RUNS),
}


def document(bootstrap_servers: str, *, version: str, prefix: str = "", protocol: str = "kafka") -> dict[str, Any]:
    """The whole document, as values that JSON can hold."""
    types = sorted({kind for kinds in _EVENTS.values() for kind in kinds}, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    messages = {kind.__name__: _message(kind) for kind in types} | {name: _bytes_message(name) for name in _BYTES.values()}
    others = [topic for topic in TOPICS if topic.name not in _EVENTS]
    messages |= {_id(topic): _described(topic) for topic in others}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tickplant", "version": version, "description": "Market data and execution quality as streams of events."},
        "defaultContentType": "application/json",
        "servers": {f"kafka{n}": {"host": host, "protocol": protocol} for n, host in enumerate(bootstrap_servers.split(","), 1)},
        "channels": {_id(topic): _channel(topic, prefix) for topic in TOPICS},
        "operations": dict(
            _operation(service, action, topic)
            for action, table in (("send", _SENDS), ("receive", _RECEIVES))
            for service, topics in table.items()
            for topic in topics
        ),
        "components": {"messages": messages, "schemas": schemas},
    }


def _id(topic: Topic) -> str:
    """`marketTicksV1` for `market.ticks.v1`."""
    first, *rest = topic.name.split(".")
    return first + "".join(part.capitalize() for part in rest)


def _names(topic: Topic) -> list[str]:
    names = [kind.__name__ for kind in _EVENTS.get(topic.name, ())]
    if raw := _BYTES.get(topic.name):
        names.insert(0, raw)
    return names or [_id(topic)]


def _channel(topic: Topic, prefix: str) -> dict[str, Any]:
    config = topic.config
    settings: dict[str, Any] = {
        name: int(config[name]) for name in ("retention.ms", "retention.bytes", "max.message.bytes") if name in config
    }
    return {
        "address": prefix + topic.name,
        "description": f"{topic.value}; keyed by {topic.key}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _names(topic)},
        "bindings": {
            "kafka": {
                "topic": prefix + topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": topic.cleanup.split(","), **settings},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(service: str, action: str, topic: Topic) -> tuple[str, dict[str, Any]]:
    operation = {
        "action": action,
        "channel": {"$ref": f"#/channels/{_id(topic)}"},
        "summary": f"The {service} {action}s {topic.value}.",
        "messages": [{"$ref": f"#/channels/{_id(topic)}/messages/{name}"} for name in _names(topic)],
    }
    return f"{service}_{action}_{_id(topic)}", operation


def _message(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        "name": kind.__name__,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").strip().split("\n")[0],
        "contentType": "application/json",
        "payload": {"$ref": _REF.format(name=kind.__name__)},
    }


def _bytes_message(name: str) -> dict[str, Any]:
    return {"name": name, "title": name, "contentType": "application/octet-stream", "payload": {"type": "string", "format": "binary"}}


def _described(topic: Topic) -> dict[str, Any]:
    return {
        "name": _id(topic),
        "title": topic.value,
        "contentType": "application/json",
        "payload": {"type": "object", "description": topic.value},
    }
