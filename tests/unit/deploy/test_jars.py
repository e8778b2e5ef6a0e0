"""The lock of the Java parts, and what is accepted against it."""

from __future__ import annotations

import ssl
from pathlib import Path

from deploy.local.jars import KAFKA, KAFKA_LOGGING, S3PROXY, Jar, classpath, locked, machine_certificates


def test_the_lock_holds_the_coordinates_that_the_module_names() -> None:
    assert {KAFKA, KAFKA_LOGGING} <= {jar.coordinate for jar in locked("kafka")}
    assert [jar.coordinate for jar in locked("s3")] == [S3PROXY]


def test_every_version_of_kafka_s_own_jars_is_the_same() -> None:
    own = [jar.coordinate.split(":") for jar in locked("kafka") if jar.coordinate.startswith("org.apache.kafka:")]
    assert {version for _, _, version in own} == {KAFKA.rsplit(":", 1)[1]}


def test_a_jar_lies_where_every_maven_tool_puts_it(tmp_path: Path) -> None:
    plain, classified = Jar("x", "org.a.b:c:1.2", 1, ""), Jar("x", "org.a:c:1.2:all", 1, "")
    assert plain.path(tmp_path) == tmp_path / "org/a/b/c/1.2/c-1.2.jar"
    assert classified.path(tmp_path) == tmp_path / "org/a/c/1.2/c-1.2-all.jar"


def test_a_jar_cut_short_is_not_present(tmp_path: Path) -> None:
    jar = Jar("x", "org.a:c:1", 4, "")
    jar.path(tmp_path).parent.mkdir(parents=True)
    jar.path(tmp_path).write_bytes(b"123")
    assert not jar.is_present(tmp_path)
    jar.path(tmp_path).write_bytes(b"1234")
    assert jar.is_present(tmp_path)


def test_the_class_path_names_every_jar_and_downloads_none_that_is_there(tmp_path: Path) -> None:
    for jar in locked("kafka"):
        jar.path(tmp_path).parent.mkdir(parents=True, exist_ok=True)
        with jar.path(tmp_path).open("wb") as file:
            file.truncate(jar.size)
    said: list[str] = []
    assert len(classpath("kafka", tmp_path, said.append).split(":")) == len(locked("kafka"))
    assert said == []


def test_what_is_trusted_for_a_download_is_not_left_to_other_libraries() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    original = ssl.SSLContext
    with machine_certificates():
        assert ssl.SSLContext is not original
    assert ssl.SSLContext is original
    context.options |= ssl.OP_NO_COMPRESSION
