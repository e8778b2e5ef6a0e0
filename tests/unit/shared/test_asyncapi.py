"""The AsyncAPI document: every topic is in it, and everything it refers to is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from shared.topics import TOPICS
from shared.topics.asyncapi import document

DOCUMENT: dict[str, Any] = json.loads(json.dumps(document("a:1,b:2", version="1.2.3", prefix="test.")))


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for name, value in node.items() if name == "$ref")
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolved(reference: str) -> object:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_every_reference_is_there() -> None:
    found = list(references(DOCUMENT))
    assert found
    assert all(resolved(reference) for reference in found)


def test_every_topic_is_a_channel_with_its_prefix_partitions_and_retention() -> None:
    channels = DOCUMENT["channels"].values()
    assert [channel["address"] for channel in channels] == [f"test.{topic.name}" for topic in TOPICS]
    bindings = {channel["address"]: channel["bindings"]["kafka"] for channel in channels}
    assert all(bindings[f"test.{topic.name}"]["partitions"] == topic.partitions for topic in TOPICS)
    assert bindings["test.market.raw.v1"]["topicConfiguration"]["retention.ms"] == 7 * 86_400_000
    assert bindings["test.market.candles.v1"]["topicConfiguration"]["cleanup.policy"] == ["compact", "delete"]


def test_every_topic_has_a_message_and_events_have_their_types() -> None:
    assert all(channel["messages"] for channel in DOCUMENT["channels"].values())
    said = {"Trade", "Quote", "IndexPrice", "Bar", "MarketInfo", "Marker", "Tally"}
    assert set(DOCUMENT["channels"]["marketTicksV1"]["messages"]) == said
    assert DOCUMENT["components"]["schemas"]["Trade"]["properties"]["price"] == {"type": "string", "format": "decimal"}


def test_servers_and_version_are_those_given() -> None:
    assert (DOCUMENT["asyncapi"], DOCUMENT["info"]["version"]) == ("3.0.0", "1.2.3")
    assert [server["host"] for server in DOCUMENT["servers"].values()] == ["a:1", "b:2"]
