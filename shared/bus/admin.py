"""Topics made from the table, the cluster compared with it, and the cluster's identity."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.backoff import delay
from shared.bus.connection import TopicPartition, client_options
from shared.bus.topic_ids import topic_ids as asked
from shared.errors import Unavailable
from shared.settings import Kafka
from shared.topics import STATE, TOPICS, Topic, differences

VISIBLE_SECONDS = 60.0
_SET_FOR_TOPIC = 1  # the source of a setting that the topic has itself


@dataclass(slots=True)
class Report:
    """What `create_topics` did and found."""

    created: list[str] = field(default_factory=list)
    existing: list[str] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)


@asynccontextmanager
async def _client(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**client_options(kafka))
    try:
        await client.start()
        yield client
    except KafkaError as fault:
        raise Unavailable(f"Kafka at {kafka.bootstrap_servers}: {fault!r}") from fault
    finally:
        await client.close()


async def create_topics(kafka: Kafka, topics: tuple[Topic, ...] = TOPICS) -> Report:
    """Creates what is missing; compares what is there, and ends the deletion of state. Raises `Unavailable`."""
    report = Report()
    async with _client(kafka) as client:
        known = set(await client.list_topics())
        missing = [topic for topic in topics if kafka.topic_prefix + topic.name not in known]
        if missing:
            await _create(client, kafka, missing, report)
            await _visible(client, set(report.created))
        present = [topic for topic in topics if topic not in missing]
        report.existing = [topic.name for topic in present]
        report.altered = await _compact_state(client, kafka, [topic for topic in present if topic in STATE])
        report.mismatches += await _compare(client, kafka, present)
    return report


async def _create(client: AIOKafkaAdminClient, kafka: Kafka, topics: list[Topic], report: Report) -> None:
    new = [NewTopic(kafka.topic_prefix + t.name, t.partitions, kafka.replication_factor, topic_configs=t.config) for t in topics]
    response = await client.create_topics(new)
    for name, code, *rest in response.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            report.mismatches.append(f"{name}: not created: {rest[0] if rest and rest[0] else for_code(code).__name__}")
        else:
            report.created.append(name)


async def _visible(client: AIOKafkaAdminClient, names: set[str]) -> None:
    """Until the broker knows what the controller has created, which takes it seconds on a slow disk; raises `Unavailable`."""
    deadline = time.monotonic() + VISIBLE_SECONDS
    for attempt in count():
        if names <= set(await client.list_topics()):
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"the topics were created, but the broker does not list them after {VISIBLE_SECONDS:g} s")
        await asyncio.sleep(delay(attempt, cap=0.5))


async def _compact_state(client: AIOKafkaAdminClient, kafka: Kafka, topics: list[Topic]) -> list[str]:
    """Gives state topics of an older table their cleanup policy; returns those that were changed. Other settings stay."""
    wrong = await _deleted(client, kafka, topics)
    if wrong:
        own = await _overrides(client, [kafka.topic_prefix + topic.name for topic in wrong])
        await _alter(client, {name: {**settings, "cleanup.policy": "compact"} for name, settings in own.items()})
    deadline = time.monotonic() + VISIBLE_SECONDS
    while await _deleted(client, kafka, wrong):  # the broker learns it from the controller
        if time.monotonic() > deadline:
            raise Unavailable(f"the cleanup policy was changed, but the broker does not show it after {VISIBLE_SECONDS:g} s")
        await asyncio.sleep(0.1)
    return [topic.name for topic in wrong]


async def _deleted(client: AIOKafkaAdminClient, kafka: Kafka, topics: list[Topic]) -> list[Topic]:
    found = await _describe(client, kafka, topics)
    return [topic for topic in topics if found[topic.name][1].get("cleanup.policy") != topic.cleanup]


async def _overrides(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """What is set for each topic itself: altering replaces all of it."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    return {
        name: {entry[0]: entry[1] for entry in entries if entry[3] == _SET_FOR_TOPIC}
        for response in await client.describe_configs(resources)
        for _, _, _, name, entries in response.resources
    }


async def _compare(client: AIOKafkaAdminClient, kafka: Kafka, topics: list[Topic]) -> list[str]:
    found = await _describe(client, kafka, topics)
    return [line for topic in topics for line in differences(topic, *found[topic.name])]


async def describe_topics(kafka: Kafka, topics: tuple[Topic, ...] = TOPICS) -> dict[str, tuple[int, dict[str, str]]]:
    """Partitions and settings, by name, of those topics that the cluster has. Raises `Unavailable`."""
    async with _client(kafka) as client:
        known = set(await client.list_topics())
        return await _describe(client, kafka, [topic for topic in topics if kafka.topic_prefix + topic.name in known])


async def _describe(client: AIOKafkaAdminClient, kafka: Kafka, topics: list[Topic]) -> dict[str, tuple[int, dict[str, str]]]:
    if not topics:
        return {}
    names = [kafka.topic_prefix + t.name for t in topics]
    partitions = {t["topic"]: len(t["partitions"]) for t in await client.describe_topics(names)}
    configs: dict[str, dict[str, str]] = {}
    for response in await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names]):
        for _, _, _, name, entries in response.resources:
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return {topic.name: (partitions.get(name, 0), configs.get(name, {})) for topic, name in zip(topics, names, strict=True)}


async def keep(kafka: Kafka, topics: Collection[Topic], *, forever: bool) -> None:
    """Lets records of the topics expire by nothing (`forever`), or as the table says again. Raises `Unavailable`."""
    without = {"retention.ms": "-1", "retention.bytes": "-1"} if forever else {}
    wanted = {topic: topic.config | (without if "delete" in topic.cleanup else {}) for topic in topics}
    async with _client(kafka) as client:
        await _alter(client, {kafka.topic_prefix + topic.name: settings for topic, settings in wanted.items()})


async def _alter(client: AIOKafkaAdminClient, settings: dict[str, dict[str, str]]) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs) for name, configs in settings.items()]
    for response in await client.alter_configs(resources):
        for code, message, _, name in response.resources:
            if code:
                raise Unavailable(f"{name}: its settings were not changed: {message or for_code(code).__name__}")


async def cluster_id(kafka: Kafka) -> str:
    """The identity of the cluster, part of every stored position. Raises `Unavailable`."""
    async with _client(kafka) as client:
        description: dict[str, Any] = await client.describe_cluster()
        return str(description["cluster_id"])


async def topic_ids(kafka: Kafka, topics: Collection[Topic] = TOPICS) -> dict[str, str]:
    """The ids of those topics that the cluster has, by the table's names. Raises `Unavailable`."""
    names = {kafka.topic_prefix + topic.name: topic.name for topic in topics}
    async with _client(kafka) as client:
        found = await asked(client._client, names)
    return {names[name]: topic_id for name, topic_id in found.items()}


async def committed(kafka: Kafka, group: str, topics: Collection[Topic]) -> dict[tuple[str, int], tuple[int, str]]:
    """The offsets and metadata that a group has committed, by the table's topic and partition. Raises `Unavailable`."""
    async with _client(kafka) as client:
        partitions = [TopicPartition(kafka.topic_prefix + topic.name, number) for topic in topics for number in range(topic.partitions)]
        found = await client.list_consumer_group_offsets(kafka.topic_prefix + group, partitions=partitions)
    known = ((tp, said) for tp, said in found.items() if said.offset >= 0)
    return {(tp.topic.removeprefix(kafka.topic_prefix), tp.partition): (said.offset, said.metadata or "") for tp, said in known}


async def delete_topics(kafka: Kafka) -> None:
    """Removes the table's topics under the configured prefix; for tests and prefixed replays."""
    async with _client(kafka) as client:
        known = set(await client.list_topics())
        await client.delete_topics([name for t in TOPICS if (name := kafka.topic_prefix + t.name) in known])
