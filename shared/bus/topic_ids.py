"""The ids of topics (KIP-516): a topic that was deleted and made anew has another one.

aiokafka's own metadata requests are older than topic ids, so the request of that version is here.
Invariant: a topic without an id in the answer does not exist.
"""

import base64
from collections.abc import Collection
from io import BytesIO
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from shared.errors import Unavailable

_NO_ID = bytes(16)


class _Uuid:
    """Sixteen bytes; as text what Kafka's own tools print."""

    @classmethod
    def encode(cls, value: str) -> bytes:
        return base64.urlsafe_b64decode(value + "==") if value else _NO_ID

    @classmethod
    def decode(cls, data: BytesIO) -> str:
        raw = data.read(16)
        return "" if raw == _NO_ID else base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_tags = ("tags", TaggedFields)


class _Response(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 11
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                _tags,
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        _tags,
                    ),
                ),
                ("operations", Int32),
                _tags,
            ),
        ),
        _tags,
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 11
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), _tags),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _tags,
    )


class _Request(Request[_Struct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: Collection[str]) -> None:
        self._names = sorted(names)

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        topics: list[tuple[str, str, dict[int, bytes]]] = [("", name, {}) for name in self._names]
        return request_struct_class(topics, False, False, {})


async def topic_ids(client: AIOKafkaClient, names: Collection[str]) -> dict[str, str]:
    """The ids of those topics that exist, by the cluster's names of them.

    The ids are empty where the broker is older than them. Raises `Unavailable`.
    """
    try:
        answer: Any = await client.send(client.get_random_node(), _Request(names))
    except NotImplementedError:
        return dict.fromkeys(names, "")
    except (KafkaError, TimeoutError) as fault:
        raise Unavailable(f"Kafka: {fault!r}") from fault
    found = {}
    for code, name, topic_id, *_ in answer.topics:
        if topic_id:
            found[name] = topic_id
        elif code and for_code(code).__name__ != "UnknownTopicOrPartitionError":
            raise Unavailable(f"Kafka: {name}: {for_code(code).__name__}")
    return found
