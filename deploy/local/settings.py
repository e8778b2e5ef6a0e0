"""The environment of the local stack: ports, the home directory, and which parts are external.

Invariant: this is the only module of `deploy` and `services.cli` that reads the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local.part import StartError


class LocalSettings(BaseSettings):
    """Each field's alias is the variable that sets it; a taken port is reported with that name."""

    # Not by name: the field `home` would take HOME.
    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore")

    home: Path = Field(default=Path(".tickplant"), alias="TICKPLANT_HOME")
    maven_repository: Path = Field(default=Path.home() / ".m2" / "repository", alias="M2_REPO")
    cache: Path = Field(default=Path.home() / ".cache" / "tickplant", alias="TICKPLANT_CACHE")

    kafka_port: int = Field(default=19092, ge=1, le=65535, alias="TICKPLANT_KAFKA_PORT")
    kafka_controller_port: int = Field(default=19093, ge=1, le=65535, alias="TICKPLANT_KAFKA_CONTROLLER_PORT")
    postgres_port: int = Field(default=15432, ge=1, le=65535, alias="TICKPLANT_POSTGRES_PORT")
    s3_port: int = Field(default=19000, ge=1, le=65535, alias="TICKPLANT_S3_PORT")
    api_host: str = Field(default="127.0.0.1", alias="API_HOST")
    api_port: int = Field(default=8000, ge=1, le=65535, alias="API_PORT")
    fetcher_port: int = Field(default=9101, ge=1, le=65535, alias="TICKPLANT_FETCHER_PORT")
    transformer_port: int = Field(default=9102, ge=1, le=65535, alias="TICKPLANT_TRANSFORMER_PORT")
    writer_port: int = Field(default=9103, ge=1, le=65535, alias="TICKPLANT_WRITER_PORT")
    api_telemetry_port: int = Field(default=9104, ge=1, le=65535, alias="TICKPLANT_API_TELEMETRY_PORT")
    archiver_port: int = Field(default=9105, ge=1, le=65535, alias="TICKPLANT_ARCHIVER_PORT")
    quality_port: int = Field(default=9106, ge=1, le=65535, alias="TICKPLANT_QUALITY_PORT")

    simulator: Literal["auto", "on", "off"] = Field(default="auto", alias="TICKPLANT_SIMULATOR")
    simulator_port: int = Field(default=19500, ge=1, le=65535, alias="SIMULATOR__PORT")
    sources: str | None = Field(default=None, alias="FETCHER__SOURCES")

    kafka_bootstrap_servers: str | None = Field(default=None, alias="KAFKA_BOOTSTRAP_SERVERS")
    database_url: str | None = Field(default=None, alias="DATABASE_URL")
    s3_endpoint: str | None = Field(default=None, alias="AWS_ENDPOINT_URL_S3")
    s3_bucket: str | None = Field(default=None, alias="S3__BUCKET")

    @property
    def s3_is_external(self) -> bool:
        """A bucket without an endpoint means AWS itself."""
        return bool(self.s3_endpoint or self.s3_bucket)


def load() -> LocalSettings:
    """The settings; raises StartError that names every variable at fault."""
    try:
        return LocalSettings()
    except ValidationError as error:
        faults = [f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors(include_url=False)]
        raise StartError("\n".join(faults)) from error


def setting_of(field: str) -> str:
    """The variable that sets a field."""
    return str(LocalSettings.model_fields[field].alias)


def inherited() -> dict[str, str]:
    """The environment that child processes start from."""
    return dict(os.environ)


def offer(variables: dict[str, str]) -> None:
    """Set variables that the user has not set: how a command finds the running stack."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
