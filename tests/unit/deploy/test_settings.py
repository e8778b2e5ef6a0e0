"""The settings of the local stack take only the variables they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.settings import LocalSettings, load


def test_the_users_home_is_not_the_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("TICKPLANT_HOME", raising=False)
    assert load().home == Path(".tickplant")


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert load().database_url is None


def test_every_setting_names_its_variable() -> None:
    assert all(field.alias for field in LocalSettings.model_fields.values())
