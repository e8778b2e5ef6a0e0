"""The embedded parts: they answer, keep their data over a stop and over a kill, and refuse what they must."""

from __future__ import annotations

import asyncpg
import boto3
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from botocore.exceptions import ClientError

from tests.fixtures.servers import Server

RAW_LIMIT = 10 * 1024 * 1024
DEAD_LETTER_SLACK = 64 * 1024


async def make_topic(bootstrap_servers: str, name: str, configuration: dict[str, str] | None = None) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs=configuration)])
    finally:
        await admin.close()


async def produce(bootstrap_servers: str, topic: str, value: bytes) -> None:
    limit = RAW_LIMIT + 2 * DEAD_LETTER_SLACK
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True, max_request_size=limit) as producer:
        await producer.send_and_wait(topic, value)


async def read(bootstrap_servers: str, topic: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        return [(await consumer.getone()).value for _ in range(count)]


async def test_kafka_keeps_records_over_a_stop_and_a_kill(kafka: Server, bootstrap_servers: str) -> None:
    await make_topic(bootstrap_servers, "kept")
    await produce(bootstrap_servers, "kept", b"before")
    kafka.stop()
    kafka.start()
    await produce(bootstrap_servers, "kept", b"between")
    kafka.kill()
    kafka.start()
    assert await read(bootstrap_servers, "kept", 2) == [b"before", b"between"]


async def test_kafka_takes_the_largest_dead_letter(bootstrap_servers: str) -> None:
    size = RAW_LIMIT + DEAD_LETTER_SLACK
    await make_topic(bootstrap_servers, "large", {"max.message.bytes": str(RAW_LIMIT + 2 * DEAD_LETTER_SLACK)})
    await produce(bootstrap_servers, "large", b"x" * size)
    assert [len(value) for value in await read(bootstrap_servers, "large", 1)] == [size]


async def test_kafka_does_not_make_topics_by_itself(bootstrap_servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.describe_topics(["never-made"])
        assert "never-made" not in await admin.list_topics()
    finally:
        await admin.close()


async def test_postgres_keeps_committed_rows_over_a_stop_and_a_kill(postgres: Server, empty_database_url: str) -> None:
    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(empty_database_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    await execute("CREATE TABLE kept (n integer); INSERT INTO kept VALUES (1)")
    postgres.stop()
    postgres.start()
    await execute("INSERT INTO kept VALUES (2)")
    postgres.kill()
    postgres.start()
    connection = await asyncpg.connect(empty_database_url)
    assert [row["n"] for row in await connection.fetch("SELECT n FROM kept ORDER BY n")] == [1, 2]
    await connection.close()


async def test_postgres_is_durable_and_refuses_a_wrong_password(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    settings = [await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit", "timezone")]
    await connection.close()
    assert settings == ["on", "on", "UTC"]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(empty_database_url, password="wrong")


def client(environment: dict[str, str], secret: str | None = None):  # type: ignore[no-untyped-def]
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret or environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )


def test_s3_creates_a_key_once_and_keeps_it_over_a_kill(s3: Server, s3_bucket: str) -> None:
    store = client(s3.environment)
    store.put_object(Bucket=s3_bucket, Key="a/b", Body=b"first", IfNoneMatch="*", Metadata={"range": "0-9"})
    with pytest.raises(ClientError) as refused:
        store.put_object(Bucket=s3_bucket, Key="a/b", Body=b"second", IfNoneMatch="*")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    s3.kill()
    s3.start()
    kept = client(s3.environment).get_object(Bucket=s3_bucket, Key="a/b")
    assert (kept["Body"].read(), kept["Metadata"]) == (b"first", {"range": "0-9"})


def test_s3_refuses_a_wrong_secret(s3: Server, s3_bucket: str) -> None:
    with pytest.raises(ClientError) as refused:
        client(s3.environment, secret="wrong").list_objects_v2(Bucket=s3_bucket)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
