"""The plan: what is started, what is external, and what the services are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.part import StartError
from deploy.local.plan import Plan, make_plan
from deploy.local.settings import LocalSettings, setting_of


def plan(home: Path, *only: str, **settings: object) -> Plan:
    by_variable = {setting_of(name): value for name, value in {"home": home, **settings}.items()}
    return make_plan(LocalSettings.model_validate(by_variable), {"PATH": "/bin"}, only, lambda _: None)


def test_everything_is_started_by_default(tmp_path: Path) -> None:
    everything = plan(tmp_path)
    assert [part.name for part in everything.parts] == ["kafka", "postgres", "s3"]
    assert [service.name for service in everything.services] == ["fetcher", "transformer", "quality", "writer", "archiver", "api"]
    assert [(step.name, step.after) for step in everything.steps] == [("topics", "kafka"), ("migrate", "postgres")]


def test_an_external_part_is_passed_on_and_not_started(tmp_path: Path) -> None:
    external = plan(tmp_path, kafka_bootstrap_servers="broker.example:9092", s3_bucket="lake")
    assert [part.name for part in external.parts] == ["postgres"]
    assert external.external == {"kafka": "broker.example:9092", "s3": "AWS"}
    assert external.environment["KAFKA_BOOTSTRAP_SERVERS"] == "broker.example:9092"
    assert external.environment["S3__BUCKET"] == "lake"
    assert "AWS_ENDPOINT_URL_S3" not in external.environment
    assert [step.name for step in external.steps] == ["topics", "migrate"]


def test_a_service_is_told_its_own_port_and_where_everything_is(tmp_path: Path) -> None:
    writer = next(service for service in plan(tmp_path, writer_port=7003, kafka_port=7000).services if service.name == "writer")
    told = writer.prepare().env
    assert told["TELEMETRY__PORT"] == "7003"
    assert told["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:7000"
    assert told["DATABASE_URL"].startswith("postgresql://tickplant:")
    assert told["TICKPLANT_HOME"] == str(tmp_path)
    assert told["FETCHER__ALLOWED_BUCKETS"] == told["S3__BUCKET"]
    assert told["PATH"] == "/bin"


def test_only_what_is_named_is_started_and_its_ports_alone_are_needed(tmp_path: Path) -> None:
    chosen = plan(tmp_path, "postgres", "s3")
    assert ([part.name for part in chosen.parts], chosen.services, chosen.steps) == (["postgres", "s3"], (), ())
    assert [port.setting for port in chosen.ports] == ["TICKPLANT_POSTGRES_PORT", "TICKPLANT_S3_PORT"]


def test_the_api_needs_its_public_port_too(tmp_path: Path) -> None:
    settings = [port.setting for port in plan(tmp_path, "api").ports]
    assert settings == ["TICKPLANT_API_TELEMETRY_PORT", "API_PORT"]


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="there is no redis: choose among kafka, postgres, s3, fetcher"):
        plan(tmp_path, "kafka", "redis")


def test_the_password_stays_the_same_and_is_private(tmp_path: Path) -> None:
    assert plan(tmp_path).environment["DATABASE_URL"] == plan(tmp_path).environment["DATABASE_URL"]
    assert (tmp_path / "postgres" / "password").stat().st_mode & 0o077 == 0


def test_a_simulated_stack_s_stocks_are_simulated_too_unless_the_user_names_their_provider(tmp_path: Path) -> None:
    def made(**inherited: str) -> Plan:
        settings = LocalSettings.model_validate({setting_of("home"): tmp_path})
        return make_plan(settings, inherited, (), lambda _: None, simulated=True)

    assert made().environment["POLYGON__BASE_URL"] == "http://127.0.0.1:19500/polygon"
    assert made().environment["POLYGON__SIMULATED"] == "true"
    assert "POLYGON__SIMULATED" not in made(POLYGON__BASE_URL="https://api.massive.com").environment
    assert "POLYGON__SIMULATED" not in plan(tmp_path).environment
