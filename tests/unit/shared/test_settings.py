"""Settings come from the environment alone; everything wrong is told at once, by the name to change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared import settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An empty one."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    return monkeypatch


def test_an_empty_environment_gives_the_defaults() -> None:
    found = settings.load()
    assert (found.api.port, found.kafka.security_protocol, found.home) == (8000, "PLAINTEXT", Path(".tickplant"))


def test_short_names_are_aliases_and_hold_against_the_long_ones(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2")
    environment.setenv("KAFKA__BOOTSTRAP_SERVERS", "long:1")
    environment.setenv("DATABASE_URL", "postgresql://u:p@h/d")
    environment.setenv("API_HOST", "::1")
    environment.setenv("API_PORT", "9000")
    found = settings.load()
    assert found.kafka.bootstrap_servers == "a:1,b:2"
    assert found.database.url.get_secret_value() == "postgresql://u:p@h/d"
    assert (found.api.host, found.api.port) == ("::1", 9000)


def test_two_underscores_lead_into_a_section(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    environment.setenv("KAFKA__SASL_USERNAME", "user")
    environment.setenv("TRANSFORMER__OUT_OF_ORDERNESS_MS", "250")
    environment.setenv("TRANSFORMER__PUBLISH_TICKS", "false")
    environment.setenv("FETCHER__ALLOWED_FOLDERS", "/a,/b c")
    found = settings.load()
    assert (found.kafka.security_protocol, found.kafka.sasl_username) == ("SASL_SSL", "user")
    assert (found.transformer.out_of_orderness_ms, found.transformer.publish_ticks) == (250, False)
    assert found.fetcher.allowed_folders == [Path("/a"), Path("/b c")]


def test_home_is_tickplant_home_and_not_the_users(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOME", "/somebody")
    assert settings.load().home == Path(".tickplant")
    environment.setenv("TICKPLANT_HOME", "/data/tickplant")
    assert settings.load().home == Path("/data/tickplant")


def test_a_secret_may_stand_in_a_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    (tmp_path / "url").write_text("postgresql://u:p@h/d")
    environment.setenv("KAFKA__SASL_PASSWORD_FILE", str(tmp_path / "password"))
    environment.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    found = settings.load()
    assert found.kafka.sasl_password.get_secret_value() == "s3cret"
    assert found.database.url.get_secret_value() == "postgresql://u:p@h/d"
    assert "s3cret" not in repr(found)


def test_a_value_given_directly_holds_against_its_file(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("KAFKA__SASL_PASSWORD", "direct")
    environment.setenv("KAFKA__SASL_PASSWORD_FILE", "/does/not/exist")
    assert settings.load().kafka.sasl_password.get_secret_value() == "direct"


def test_files_that_are_no_settings_of_ours_are_left_alone(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CI__SOMETHING_FILE", "/does/not/exist")
    settings.load()


def test_all_faults_are_told_at_once_each_with_the_name_to_change(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    environment.setenv("API_PORT", "70000")
    environment.setenv("KAFKA__SECURITY_PROTOCOL", "TLS")
    environment.setenv("TRANSFORMER__EMIT_INTERVAL_MS", "soon")
    environment.setenv("KAFKA__SASL_PASSWORD_FILE", "/does/not/exist")
    environment.setenv("DATABASE_URL_FILE", str(tmp_path / "binary"))
    with pytest.raises(SystemExit) as caught:
        settings.load()
    first, *lines = str(caught.value).splitlines()
    assert first == "settings:"
    assert len(lines) == 5
    for name in (
        "API__PORT",
        "KAFKA__SECURITY_PROTOCOL",
        "TRANSFORMER__EMIT_INTERVAL_MS",
        "KAFKA__SASL_PASSWORD_FILE",
        "DATABASE_URL_FILE",
    ):
        assert sum(line.startswith(f"{name}: ") for line in lines) == 1


def test_a_fault_does_not_tell_a_secret(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("KAFKA__SASL_PASSWORD", "s3cret")
    environment.setenv("API_PORT", "x")
    with pytest.raises(SystemExit) as caught:
        settings.load()
    assert "s3cret" not in str(caught.value)


def test_a_provider_s_key_comes_from_a_file_and_is_not_shown(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k-3f9\n")
    environment.setenv("POLYGON_API_KEY_FILE", str(tmp_path / "key"))
    environment.setenv("POLYGON__TICKERS", "AAPL,MSFT")
    found = settings.load()
    assert (found.keys.of("polygon"), found.keys.of("polygon-daily")) == ("k-3f9", "k-3f9")
    assert "k-3f9" not in repr(found)
    assert found.polygon.tickers == ["AAPL", "MSFT"]
