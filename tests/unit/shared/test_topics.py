"""The table of topics and what a cluster may have otherwise."""

from __future__ import annotations

from shared.topics import CANDLES, CHECKPOINTS, DEAD_LETTER_LIMIT, DEAD_LETTERS, MARKET_RAW, RAW_LIMIT, STATE, TICKS, TOPICS, differences


def test_a_topic_as_the_table_says_has_no_differences() -> None:
    assert all(list(differences(topic, topic.partitions, topic.config)) == [] for topic in TOPICS)


def test_each_difference_is_a_sentence_with_both_values() -> None:
    config = TICKS.config | {"retention.ms": "1", "cleanup.policy": "compact"}
    del config["message.timestamp.type"]
    assert list(differences(TICKS, 3, config)) == [
        "market.ticks.v1: 3 partitions in the cluster, 12 in the table",
        "market.ticks.v1: cleanup.policy is compact in the cluster, delete in the table",
        "market.ticks.v1: message.timestamp.type is unset in the cluster, CreateTime in the table",
        "market.ticks.v1: retention.ms is 1 in the cluster, 604800000 in the table",
    ]


def test_the_order_of_cleanup_policies_is_no_difference() -> None:
    assert list(differences(CANDLES, CANDLES.partitions, CANDLES.config | {"cleanup.policy": "delete,compact"})) == []


def test_settings_that_the_table_does_not_make_are_no_difference() -> None:
    assert list(differences(TICKS, 12, TICKS.config | {"min.insync.replicas": "2"})) == []


def test_no_record_can_be_too_large_to_be_a_dead_letter() -> None:
    assert int(MARKET_RAW.config["max.message.bytes"]) > RAW_LIMIT
    assert int(DEAD_LETTERS.config["max.message.bytes"]) > DEAD_LETTER_LIMIT >= RAW_LIMIT + 64 * 1024


def test_checkpoints_are_never_deleted_by_age_and_names_are_unique_and_versioned() -> None:
    assert "retention.ms" not in CHECKPOINTS.config
    assert CHECKPOINTS.config["cleanup.policy"] == "compact"
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert all(topic.name.endswith(".v1") for topic in TOPICS)


def test_checkpoints_have_a_partition_for_each_raw_one() -> None:
    assert CHECKPOINTS.partitions == MARKET_RAW.partitions


def test_state_that_only_a_topic_knows_is_compacted_and_never_deleted() -> None:
    for topic in STATE:
        assert topic.config["cleanup.policy"] == "compact"
        assert not {"retention.ms", "retention.bytes"} & topic.config.keys()


def test_every_topic_of_the_pipeline_but_dead_letters_is_state() -> None:
    assert {topic for topic in TOPICS if topic.name.startswith("pipeline.")} - {DEAD_LETTERS} == set(STATE)


def test_a_compacted_topic_that_is_deleted_as_well_is_kept_by_the_store() -> None:
    """What the store publishes again, or the checkpoint rebuilds, may be deleted by age."""
    deleted = {topic for topic in TOPICS if topic.cleanup == "compact,delete"}
    assert {topic.name.split(".")[0] for topic in deleted} == {"market", "trading", "ops"}
